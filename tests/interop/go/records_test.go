package interop

import (
	"bytes"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	munimentv1 "muniment.example/tests/interop/go/gen/muniment/v1"
	"muniment.example/tests/interop/go/generated"
)

// recordsOfEachSuite is what `cargo xtask test` generates.
const recordsOfEachSuite = 10_000

func records(t *testing.T, suite string) []generated.Record {
	t.Helper()
	records, err := generated.Read(filepath.Join(environment(t, "MUNIMENT_RECORDS"), suite+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != recordsOfEachSuite {
		t.Fatalf("%d records of %s", len(records), suite)
	}
	return records
}

// check sends one record through Go: bytes to message to bytes, and by way of ProtoJSON, which knows no bytes.
func check(t *testing.T, number int, record generated.Record) {
	t.Helper()
	var message, again munimentv1.Record
	if err := proto.Unmarshal(record.Bytes, &message); err != nil {
		t.Fatalf("record %d (%s): %v", number, record.Kind, err)
	}
	if len(message.ProtoReflect().GetUnknown()) != 0 {
		t.Fatalf("record %d (%s) has fields that the schema lacks", number, record.Kind)
	}
	text, err := protojson.Marshal(&message)
	if err != nil {
		t.Fatalf("record %d (%s): %v", number, record.Kind, err)
	}
	if err := protojson.Unmarshal(text, &again); err != nil {
		t.Fatalf("record %d (%s): %v", number, record.Kind, err)
	}
	for way, message := range map[string]*munimentv1.Record{"decoded": &message, "by way of JSON": &again} {
		encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
		if err != nil {
			t.Fatalf("record %d (%s), %s: %v", number, record.Kind, way, err)
		}
		if !bytes.Equal(encoded, record.Bytes) {
			t.Fatalf("record %d (%s), %s:\nGo   %x\nRust %x", number, record.Kind, way, encoded, record.Bytes)
		}
	}
	if digest := recordDigest(t, record.Suite, record.Blind, record.Bytes); !bytes.Equal(digest, record.Digest) {
		t.Fatalf("record %d (%s), %s digest:\nGo   %x\nRust %x", number, record.Kind, record.Suite, digest, record.Digest)
	}
}

func checkAll(t *testing.T, suite string) {
	kinds := map[string]bool{}
	for number, record := range records(t, suite) {
		if record.Suite != suite {
			t.Fatalf("record %d is of suite %s", number, record.Suite)
		}
		check(t, number, record)
		kinds[record.Kind] = true
	}
	bodies := (&munimentv1.Record{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	for at := range bodies.Len() {
		if kind := string(bodies.Get(at).Name()); !kinds[kind] {
			t.Errorf("no record of kind %s", kind)
		}
	}
}

func TestGeneratedRecordsHaveTheSameBytesAndBlake3Digests(t *testing.T) { checkAll(t, "blake3") }
func TestGeneratedRecordsHaveTheSameBytesAndSha256Digests(t *testing.T) { checkAll(t, "sha256") }
func TestGeneratedRecordsHaveTheSameBytesAndSm3Digests(t *testing.T)    { checkAll(t, "sm3") }

// The server's EncodeRecord and Go agree on records of every kind.
func TestTheServerEncodesToTheSameBytes(t *testing.T) {
	ledger := gateway(t)
	id := ledgerID(t, ledger)
	for number, record := range records(t, "blake3")[:200] {
		var message munimentv1.Record
		if err := proto.Unmarshal(record.Bytes, &message); err != nil {
			t.Fatal(err)
		}
		message.LedgerId = id
		ours := encode(t, &message)
		request := &munimentv1.EncodeRecordRequest{Record: &message, Blind: ours.Blind}
		answer, err := ledger.EncodeRecord(timeout(t), request)
		if err != nil {
			t.Fatalf("record %d (%s): %v", number, record.Kind, err)
		}
		if !proto.Equal(answer.GetRecord(), ours) {
			t.Fatalf("record %d (%s):\nGo   %v\nRust %v", number, record.Kind, ours, answer.GetRecord())
		}
		digest := recordDigest(t, "blake3", ours.Blind, ours.Record)
		if !bytes.Equal(digest, answer.GetRecordDigest()) {
			t.Fatalf("record %d (%s): digest %x, not %x", number, record.Kind, digest, answer.GetRecordDigest())
		}
	}
}
