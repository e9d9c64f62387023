package interop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	munimentv1 "muniment.example/tests/interop/go/gen/muniment/v1"
)

// mint issues a client certificate for Hefei's trust domain.
func mint(t *testing.T, ca *x509.Certificate, caKey crypto.PrivateKey) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		URIs:         []*url.URL{{Scheme: "spiffe", Host: hefei(t).domain(), Path: "/client/exchange-gateway"}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// foreignCA is a CA that no bureau has.
func foreignCA(t *testing.T) (*x509.Certificate, crypto.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "Hefei (for trying things)"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

// authority is a bureau's own CA, with its key: `munimentd dev` leaves it there.
func (b bureau) authority(t *testing.T) (*x509.Certificate, crypto.PrivateKey) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(b.dir, "ca.pem"), filepath.Join(b.dir, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf, pair.PrivateKey
}

func statistics(t *testing.T, ledger munimentv1.LedgerServiceClient) error {
	t.Helper()
	_, err := ledger.GetStatistics(timeout(t), &munimentv1.GetStatisticsRequest{})
	return err
}

// turnedAway insists that Hefei's node ends the handshake with a TLS alert, so that a call gets no answer at all: UNAVAILABLE
// alone could as well mean that nobody is there.
func turnedAway(t *testing.T, certificate *tls.Certificate, alert string) {
	t.Helper()
	connection, err := tls.Dial("tcp", hefei(t).address, hefei(t).config(t, certificate))
	if err == nil {
		defer connection.Close()
		connection.SetDeadline(time.Now().Add(deadline))
		// TLS 1.3: the client is done before the server has looked at its certificate.
		_, err = connection.Read(make([]byte, 1))
	}
	if err == nil || err.Error() != "remote error: tls: "+alert {
		t.Errorf("the handshake ends with %v, not %q", err, alert)
	}
	err = statistics(t, connect(t, hefei(t).address, hefei(t), certificate))
	if status.Code(err) != codes.Unavailable {
		t.Errorf("a call ends with %v", err)
	}
}

func TestWithoutACertificateNothingIsAnswered(t *testing.T) {
	turnedAway(t, nil, "certificate required")
}

func TestACertificateThatTheBureausOwnCADidNotIssueIsRefused(t *testing.T) {
	ours, oursKey := hefei(t).authority(t)
	if err := statistics(t, connect(t, hefei(t).address, hefei(t), mint(t, ours, oursKey))); err != nil {
		t.Fatalf("minted by Hefei's own CA: %v", err)
	}
	foreign, foreignKey := foreignCA(t)
	turnedAway(t, mint(t, foreign, foreignKey), "unknown certificate authority")
	other, otherKey := bozhou(t).authority(t)
	turnedAway(t, mint(t, other, otherKey), "unknown certificate authority")
}

// The other way round: Bozhou's node is no node of Hefei's, and Hefei's gateway does not talk to it as one.
func TestAnotherBureausNodeIsNotTakenForOurs(t *testing.T) {
	if err := statistics(t, connect(t, bozhou(t).address, bozhou(t), hefei(t).client(t))); err != nil {
		t.Fatalf("Bozhou's node as what it is: %v", err)
	}
	err := statistics(t, connect(t, bozhou(t).address, hefei(t), hefei(t).client(t)))
	if status.Code(err) != codes.Unavailable {
		t.Fatalf("Bozhou's node as Hefei's: %v", err)
	}
}

// Not the CA alone: Hefei's gateway holds a certificate of Hefei's CA too, and is no node.
func TestOnlyANodesCertificateIsBelieved(t *testing.T) {
	verify := hefei(t).verify(hefei(t).roots(t))
	of := func(b bureau, name string) tls.ConnectionState {
		pair, err := tls.LoadX509KeyPair(filepath.Join(b.dir, name+".pem"), filepath.Join(b.dir, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		return tls.ConnectionState{PeerCertificates: []*x509.Certificate{pair.Leaf}}
	}
	if err := verify(of(hefei(t), "node")); err != nil {
		t.Errorf("Hefei's node: %v", err)
	}
	for who, state := range map[string]tls.ConnectionState{
		"Hefei's gateway":  of(hefei(t), "client"),
		"Hefei's operator": of(hefei(t), "admin"),
		"Bozhou's node":    of(bozhou(t), "node"),
	} {
		if verify(state) == nil {
			t.Errorf("%s is taken for a node of Hefei's", who)
		}
	}
}

func TestANodeSignsForItsOwnBureausClientsOnly(t *testing.T) {
	ledger := connect(t, hefei(t).address, hefei(t), bozhou(t).client(t))
	record := access(ledgerID(t, ledger))
	record.Submitter = 2
	_, err := ledger.Submit(timeout(t), submission(t, record))
	refused(t, err, codes.PermissionDenied, "ATTRIBUTION_REQUIRED")
}
