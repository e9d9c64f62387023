// Package interop calls a running ledger by Go's own gRPC and TLS, and holds Go's protobuf and hashes against the records
// that Rust wrote. Nothing of Muniment's is used here but its schema.
//
// Run it with `cargo xtask test go`, which starts a ledger, generates the records and says where both are.
package interop

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"

	munimentv1 "muniment.example/tests/interop/go/gen/muniment/v1"
)

// deadline of every call.
const deadline = 20 * time.Second

// environment reads a variable that `cargo xtask test go` sets.
func environment(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run this with `cargo xtask test go`", name)
	}
	return value
}

// bureau is a member of the ledger that `munimentd dev` runs.
type bureau struct {
	code    string
	address string
	dir     string
}

func hefei(t *testing.T) bureau  { return bureauOf(t, "hefei") }
func bozhou(t *testing.T) bureau { return bureauOf(t, "bozhou") }

func bureauOf(t *testing.T, code string) bureau {
	t.Helper()
	prefix := "MUNIMENT_" + strings.ToUpper(code)
	return bureau{code, environment(t, prefix+"_ADDRESS"), environment(t, prefix+"_DIR")}
}

// domain is the trust domain of its certificates.
func (b bureau) domain() string { return b.code + ".dev.anhui.example" }

// client is the certificate of its exchange gateway.
func (b bureau) client(t *testing.T) *tls.Certificate {
	t.Helper()
	certificate, err := tls.LoadX509KeyPair(filepath.Join(b.dir, "client.pem"), filepath.Join(b.dir, "client.key"))
	if err != nil {
		t.Fatal(err)
	}
	return &certificate
}

// roots holds the bureau's own CA, which alone speaks for it.
func (b bureau) roots(t *testing.T) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(b.dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", b.dir)
	}
	return roots
}

// verify insists that the server is a node of this bureau: by its one SPIFFE id under the bureau's own CA. Host names say
// nothing about who runs a node.
func (b bureau) verify(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		intermediates := x509.NewCertPool()
		for _, certificate := range state.PeerCertificates[1:] {
			intermediates.AddCert(certificate)
		}
		node := state.PeerCertificates[0]
		options := x509.VerifyOptions{
			Roots:         roots,
			Intermediates: intermediates,
			KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		if _, err := node.Verify(options); err != nil {
			return err
		}
		return isNode(node.URIs, b.domain())
	}
}

func isNode(ids []*url.URL, domain string) error {
	if len(ids) != 1 {
		return fmt.Errorf("%d URIs in the certificate, not one", len(ids))
	}
	id := ids[0]
	if id.Scheme != "spiffe" || id.Host != domain || !strings.HasPrefix(id.Path, "/node/") {
		return errors.New("the certificate is not that of a node of " + domain)
	}
	return nil
}

// config takes a server only for a node of the bureau, and shows it a certificate (none: nothing).
func (b bureau) config(t *testing.T, certificate *tls.Certificate) *tls.Config {
	t.Helper()
	config := &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"h2"},
		// The check by host name gives way to the one by SPIFFE id.
		InsecureSkipVerify: true,
		VerifyConnection:   b.verify(b.roots(t)),
	}
	if certificate != nil {
		// Not by `Certificates`, of which Go sends only those whose issuer the server names.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return certificate, nil
		}
	}
	return config
}

// connect opens a channel to an address as the holder of a certificate, and takes the server only for a node of the bureau
// `as`.
func connect(t *testing.T, address string, as bureau, certificate *tls.Certificate) munimentv1.LedgerServiceClient {
	t.Helper()
	transport := credentials.NewTLS(as.config(t, certificate))
	channel, err := grpc.NewClient(address, grpc.WithTransportCredentials(transport))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { channel.Close() })
	return munimentv1.NewLedgerServiceClient(channel)
}

// gateway is Hefei's exchange gateway at Hefei's own node.
func gateway(t *testing.T) munimentv1.LedgerServiceClient {
	t.Helper()
	return connect(t, hefei(t).address, hefei(t), hefei(t).client(t))
}

func timeout(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// ledgerID asks the ledger for its id, as a caller without a trust file must.
func ledgerID(t *testing.T, ledger munimentv1.LedgerServiceClient) []byte {
	t.Helper()
	statistics, err := ledger.GetStatistics(timeout(t), &munimentv1.GetStatisticsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return statistics.GetHeader().GetLedgerId()
}

// access is an access that Hefei, bureau 1, reports as its provider; unlike any other.
func access(ledgerID []byte) *munimentv1.Record {
	return &munimentv1.Record{
		SchemaVersion: 1,
		LedgerId:      ledgerID,
		Submitter:     1,
		Region:        "gbt2260:340100",
		Actor:         &munimentv1.Actor{System: "system:exchange-gateway"},
		OccurredAt:    &munimentv1.Time{UnixMs: uint64(time.Now().UnixMilli())},
		Body: &munimentv1.Record_AccessExecuted{AccessExecuted: &munimentv1.AccessExecuted{
			Side:     munimentv1.Side_SIDE_PROVIDER,
			Exchange: "go-" + uuid.NewString(),
			Provider: "uscc:91350100M000100Y43",
			Consumer: "uscc:91350100M000100Y43",
			DataSet:  "catalogue:307009001/15",
			Matter:   "亳州律师执业证核验",
			Rows:     3,
		}},
	}
}

// encode makes the canonical bytes of a record, and its blind.
func encode(t *testing.T, record *munimentv1.Record) *munimentv1.NewRecord {
	t.Helper()
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	blind := make([]byte, 16)
	rand.Read(blind)
	return &munimentv1.NewRecord{Blind: blind, Record: bytes}
}

// submission is a request to append a record, with a request id of now.
func submission(t *testing.T, record *munimentv1.Record) *munimentv1.SubmitRequest {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return &munimentv1.SubmitRequest{RequestId: id[:], Record: encode(t, record)}
}
