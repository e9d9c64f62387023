package interop

import (
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/emmansun/gmsm/sm3"
	"lukechampine.com/blake3"
)

// hash is a suite's plain hash.
func hash(t *testing.T, suite string, input []byte) [32]byte {
	t.Helper()
	switch suite {
	case "blake3":
		return blake3.Sum256(input)
	case "sha256":
		return sha256.Sum256(input)
	case "sm3":
		return sm3.Sum(input)
	}
	t.Fatalf("no suite has the name %q", suite)
	return [32]byte{}
}

// recordDigest is H("muniment/v1/record" 00 blind record): docs/data-format.md.
func recordDigest(t *testing.T, suite string, blind, record []byte) []byte {
	t.Helper()
	digest := hash(t, suite, slices.Concat([]byte("muniment/v1/record\x00"), blind, record))
	return digest[:]
}
