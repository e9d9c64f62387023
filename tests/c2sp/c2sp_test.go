// Package c2sp holds Muniment's shared vectors of sha256 ledgers against other people's code: Go's signed notes,
// transparency-dev's checkpoints, cosignatures, tlog-proofs and Merkle trees. Nothing of Muniment's is used here.
//
// Run it with `go test -count=1 ./...`: Go's test cache does not see changes of files outside this module.
package c2sp

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
	"golang.org/x/mod/sumdb/note"
)

// suite is the only one that C2SP knows.
const suite = "sha256"

// read unmarshals the sha256 part of a vector file.
func read[T any](t *testing.T, file string) T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "vectors", file))
	if err != nil {
		t.Fatal(err)
	}
	var suites map[string]json.RawMessage
	if err := json.Unmarshal(data, &suites); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var part T
	if err := json.Unmarshal(suites[suite], &part); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return part
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unhexAll(t *testing.T, texts []string) [][]byte {
	t.Helper()
	all := make([][]byte, 0, len(texts))
	for _, text := range texts {
		all = append(all, unhex(t, text))
	}
	return all
}

// countedTree is the tree whose leaf i is the number i in eight big-endian bytes.
func countedTree(leaves int) *testonly.Tree {
	tree := testonly.New(rfc6962.DefaultHasher)
	for i := range leaves {
		tree.AppendData(binary.BigEndian.AppendUint64(nil, uint64(i)))
	}
	return tree
}

type member struct {
	cosigning string
	logKey    string
}

// membersOf reads the verifier keys out of a member list's text.
func membersOf(t *testing.T, list string) (origin string, members []member) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(list, "\n"), "\n")
	if len(lines) < 4 || lines[0] != "muniment/v1/members" {
		t.Fatalf("not a member list: %q", list)
	}
	for _, line := range lines[3:] {
		words := strings.Split(line, " ")
		if len(words) != 6 {
			t.Fatalf("member line of %d words: %q", len(words), line)
		}
		members = append(members, member{cosigning: words[3], logKey: words[5]})
	}
	return lines[1], members
}

// verifiers are those of a list's cosigning keys, and of the log key that signed the note.
func verifiers(t *testing.T, signed string, members []member) (logVerifier note.Verifier, cosigners []note.Verifier) {
	t.Helper()
	for _, m := range members {
		cosigner, err := fnote.NewVerifierForCosignatureV1(m.cosigning)
		if err != nil {
			t.Fatalf("cosigning key %q: %v", m.cosigning, err)
		}
		cosigners = append(cosigners, cosigner)
		v, err := note.NewVerifier(m.logKey)
		if err != nil {
			t.Fatalf("log key %q: %v", m.logKey, err)
		}
		if _, err := note.Open([]byte(signed), note.VerifierList(v)); err == nil {
			logVerifier = v
		}
	}
	if logVerifier == nil {
		t.Fatal("no log key of the list signed the note")
	}
	return logVerifier, cosigners
}

// checkNote parses a checkpoint under the log key and counts the cosignatures that hold.
func checkNote(t *testing.T, signed, list string, cosignatures int) (*log.Checkpoint, *note.Note) {
	t.Helper()
	origin, members := membersOf(t, list)
	logVerifier, cosigners := verifiers(t, signed, members)
	checkpoint, _, n, err := log.ParseCheckpoint([]byte(signed), origin, logVerifier, cosigners...)
	if err != nil {
		t.Fatal(err)
	}
	if len(n.UnverifiedSigs) != 0 {
		t.Errorf("%d signature lines of the note are of no member", len(n.UnverifiedSigs))
	}
	if got := len(n.Sigs) - 1; got != cosignatures {
		t.Errorf("%d cosignatures hold, want %d", got, cosignatures)
	}
	return checkpoint, n
}

func TestCheckpointsOpenWithOtherPeoplesCode(t *testing.T) {
	v := read[struct {
		Members             string      `json:"members"`
		Note                string      `json:"note"`
		CosignedS           [][2]uint64 `json:"cosigned_s"`
		ExistedNoLaterThanS uint64      `json:"existed_no_later_than_s"`
	}](t, "checkpoint.json")
	checkpoint, n := checkNote(t, v.Note, v.Members, len(v.CosignedS))
	if checkpoint.Size != 7 {
		t.Errorf("size %d, want 7", checkpoint.Size)
	}
	times := map[uint64]bool{}
	for _, sig := range n.Sigs {
		if at, err := fnote.CoSigV1Timestamp(sig); err == nil && strings.Contains(sig.Name, checkpoint.Origin+"/") {
			times[uint64(at.Unix())] = true
		}
	}
	for _, cosigned := range v.CosignedS {
		if !times[cosigned[1]] {
			t.Errorf("bureau %d cosigned at %d, which no line says", cosigned[0], cosigned[1])
		}
	}
	if !times[v.ExistedNoLaterThanS] {
		t.Errorf("no line is of the time %d", v.ExistedNoLaterThanS)
	}
}

func TestNoteChangesAreRefusedByOtherPeoplesCode(t *testing.T) {
	v := read[struct {
		Members string `json:"members"`
		Note    string `json:"note"`
	}](t, "checkpoint.json")
	origin, members := membersOf(t, v.Members)
	logVerifier, cosigners := verifiers(t, v.Note, members)
	text := v.Note[:strings.Index(v.Note, "\n\n")+1]
	for at := range len(text) {
		changed := []byte(v.Note)
		changed[at] ^= 1
		if _, _, _, err := log.ParseCheckpoint(changed, origin, logVerifier, cosigners...); err == nil {
			t.Errorf("the note opens with byte %d changed", at)
		}
	}
}

func TestCosignaturesHoldAndTheirChangesDoNot(t *testing.T) {
	v := read[struct {
		VKey    string `json:"vkey"`
		Body    string `json:"body"`
		Line    string `json:"line"`
		TimeS   int64  `json:"time_s"`
		Refused []struct {
			Name string `json:"name"`
			Line string `json:"line"`
		} `json:"refused"`
	}](t, "cosignature.json")
	verifier, err := fnote.NewVerifierForCosignatureV1(v.VKey)
	if err != nil {
		t.Fatal(err)
	}
	open := func(line string) (*note.Note, error) {
		return note.Open([]byte(v.Body+"\n"+line+"\n"), note.VerifierList(verifier))
	}
	n, err := open(v.Line)
	if err != nil {
		t.Fatal(err)
	}
	at, err := fnote.CoSigV1Timestamp(n.Sigs[0])
	if err != nil || at.Unix() != v.TimeS {
		t.Errorf("time %v (%v), want %d", at, err, v.TimeS)
	}
	for _, refused := range v.Refused {
		if _, err := open(refused.Line); err == nil {
			t.Errorf("%s: the line holds", refused.Name)
		}
	}
}

func TestHandoverCheckpointsAreSignedUnderBothEpochs(t *testing.T) {
	v := read[struct {
		OldMembers string `json:"old_members"`
		NewMembers string `json:"new_members"`
		Checkpoint string `json:"checkpoint"`
		LeafIndex  uint64 `json:"leaf_index"`
		Stub       string `json:"stub"`
		Path       []string
	}](t, "handover.json")
	checkpoint, _ := checkNote(t, v.Checkpoint, v.OldMembers, 3)
	checkNote(t, v.Checkpoint, v.NewMembers, 3)
	leaf := rfc6962.DefaultHasher.HashLeaf(unhex(t, v.Stub))
	path := unhexAll(t, v.Path)
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, v.LeafIndex, checkpoint.Size, leaf, path, checkpoint.Hash); err != nil {
		t.Error(err)
	}
}

func TestReceiptsAreTlogProofs(t *testing.T) {
	v := read[struct {
		Trust struct {
			Epochs []struct {
				Members []struct {
					CosigningKey string `json:"cosigning_key"`
					LogKey       string `json:"log_key"`
				} `json:"members"`
			} `json:"epochs"`
			Origin string `json:"origin"`
		} `json:"trust"`
		Verified []struct {
			Name string `json:"name"`
			Text string `json:"text"`
		} `json:"verified"`
	}](t, "receipt.json")
	var members []member
	for _, m := range v.Trust.Epochs[0].Members {
		members = append(members, member{cosigning: m.CosigningKey, logKey: m.LogKey})
	}
	if len(v.Verified) == 0 {
		t.Fatal("no receipt")
	}
	for _, receipt := range v.Verified {
		var p tlogproof.TLogProof
		if err := p.Unmarshal([]byte(receipt.Text)); err != nil {
			t.Errorf("%s: %v", receipt.Name, err)
			continue
		}
		logVerifier, cosigners := verifiers(t, string(p.Checkpoint), members)
		checkpoint, _, _, err := log.ParseCheckpoint(p.Checkpoint, v.Trust.Origin, logVerifier, cosigners...)
		if err != nil {
			t.Errorf("%s: %v", receipt.Name, err)
			continue
		}
		// Field 1 of the message in the extra line, the stub, opens it: tag 0a, length 40 (64), 64 bytes.
		if len(p.ExtraData) < 66 || !bytes.Equal(p.ExtraData[:2], []byte{0x0a, 0x40}) {
			t.Errorf("%s: the extra line does not open with a stub", receipt.Name)
			continue
		}
		leaf := rfc6962.DefaultHasher.HashLeaf(p.ExtraData[2:66])
		hashes := make([][]byte, 0, len(p.Hashes))
		for _, h := range p.Hashes {
			hashes = append(hashes, h[:])
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.Index, checkpoint.Size, leaf, hashes, checkpoint.Hash); err != nil {
			t.Errorf("%s: %v", receipt.Name, err)
		}
	}
}

func TestRootsAreThoseOfAnotherTree(t *testing.T) {
	v := read[struct {
		RFC6962 struct {
			LeafInputs  []string `json:"leaf_inputs"`
			RootsBySize []string `json:"roots_by_size"`
		} `json:"rfc6962"`
		Counted struct {
			RootsBySize []string `json:"roots_by_size"`
		} `json:"counted"`
	}](t, "tree.json")
	reference := testonly.New(rfc6962.DefaultHasher)
	reference.AppendData(unhexAll(t, v.RFC6962.LeafInputs)...)
	check := func(name string, tree *testonly.Tree, roots []string) {
		if uint64(len(roots)) != tree.Size()+1 {
			t.Errorf("%s: %d roots of a tree of %d leaves", name, len(roots), tree.Size())
		}
		for size, root := range roots {
			if got := hex.EncodeToString(tree.HashAt(uint64(size))); got != root {
				t.Errorf("%s: root of %d leaves is %s, want %s", name, size, got, root)
			}
		}
	}
	check("RFC 6962", reference, v.RFC6962.RootsBySize)
	check("counted", countedTree(len(v.Counted.RootsBySize)-1), v.Counted.RootsBySize)
}

type inclusionClaim struct {
	Name  string
	Index uint64
	Size  uint64
	Path  []string
	Leaf  string
	Root  string
}

func TestInclusionPathsVerifyAndBadOnesDoNot(t *testing.T) {
	v := read[struct{ Valid, Refused []inclusionClaim }](t, "inclusion.json")
	tree := countedTree(21)
	for _, c := range v.Valid {
		path := unhexAll(t, c.Path)
		err := proof.VerifyInclusion(rfc6962.DefaultHasher, c.Index, c.Size, tree.LeafHash(c.Index), path, tree.HashAt(c.Size))
		if err != nil {
			t.Errorf("leaf %d of %d: %v", c.Index, c.Size, err)
		}
		theirs, err := tree.InclusionProof(c.Index, c.Size)
		if err != nil || !equal(theirs, path) {
			t.Errorf("leaf %d of %d: another path (%v)", c.Index, c.Size, err)
		}
	}
	for _, c := range v.Refused {
		path := unhexAll(t, c.Path)
		err := proof.VerifyInclusion(rfc6962.DefaultHasher, c.Index, c.Size, unhex(t, c.Leaf), path, unhex(t, c.Root))
		if err == nil {
			t.Errorf("%s: verifies", c.Name)
		}
	}
	if len(v.Valid) == 0 || len(v.Refused) == 0 {
		t.Error("no vectors")
	}
}

type consistencyClaim struct {
	Name     string
	From, To uint64
	Path     []string
}

func TestConsistencyPathsVerifyAndBadOnesDoNot(t *testing.T) {
	v := read[struct{ Valid, Refused []consistencyClaim }](t, "consistency.json")
	tree := countedTree(21)
	verify := func(c consistencyClaim) error {
		path := unhexAll(t, c.Path)
		return proof.VerifyConsistency(rfc6962.DefaultHasher, c.From, c.To, path, tree.HashAt(c.From), tree.HashAt(c.To))
	}
	for _, c := range v.Valid {
		if err := verify(c); err != nil {
			t.Errorf("%d to %d: %v", c.From, c.To, err)
		}
		theirs, err := tree.ConsistencyProof(c.From, c.To)
		if err != nil || !equal(theirs, unhexAll(t, c.Path)) {
			t.Errorf("%d to %d: another path (%v)", c.From, c.To, err)
		}
	}
	for _, c := range v.Refused {
		if verify(c) == nil {
			t.Errorf("%s: verifies", c.Name)
		}
	}
	if len(v.Valid) == 0 || len(v.Refused) == 0 {
		t.Error("no vectors")
	}
}

func TestBodiesHaveTheirHashesInStandardBase64(t *testing.T) {
	v := read[struct {
		Note          string `json:"note"`
		MembersDigest string `json:"members_digest"`
	}](t, "checkpoint.json")
	want := "members 0 " + base64.StdEncoding.EncodeToString(unhex(t, v.MembersDigest)) + "\n"
	if !strings.Contains(v.Note, want) {
		t.Errorf("the note has no line %q", want)
	}
}

func equal(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}
