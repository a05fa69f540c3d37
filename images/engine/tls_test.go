package engine_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/engine/endpoint"
	"github.com/slipway-build/slipway/images/imagetest"
)

// TestTLS builds with a buildkitd that requires a client certificate.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	authority := newAuthority(t, filepath.Join(dir, "ca.pem"))
	server := authority.issue(t, dir, "server")
	client := authority.issue(t, dir, "client")
	other := newAuthority(t, filepath.Join(dir, "other.pem"))
	w := imagetest.StartBuildkit(t, "--tlscacert", authority.file, "--tlscert", server.Cert, "--tlskey", server.Key)
	build := buildOf(t, "FROM scratch\nCOPY a.txt /\n", map[string]string{"a.txt": "a"})
	for _, c := range []struct {
		name string
		tls  endpoint.TLS
		want []string
	}{
		{"both know one another", endpoint.TLS{CACert: authority.file, Cert: client.Cert, Key: client.Key}, nil},
		{"by another name", endpoint.TLS{CACert: authority.file, Cert: client.Cert, Key: client.Key, ServerName: "example.com"},
			[]string{"connecting to BuildKit at " + w.Address, ": authentication handshake failed: ", "example.com"}},
		{"the client has no certificate", endpoint.TLS{CACert: authority.file}, []string{"connecting to BuildKit at " + w.Address}},
		{"the client does not trust the server", endpoint.TLS{CACert: other.file, Cert: client.Cert, Key: client.Key},
			[]string{"certificate signed by unknown authority"}},
		{"the client speaks no TLS", endpoint.TLS{}, []string{"connecting to BuildKit at " + w.Address}},
		{"a file is missing", endpoint.TLS{CACert: filepath.Join(dir, "none.pem")}, []string{"none.pem", "no such file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			within(t, time.Minute, func() {
				_, err := engine.Buildkit(engine.Options{Address: w.Address, TLS: c.tls, Store: openStore(t)}).Assemble(t.Context(), build)
				if c.want != nil {
					wantError(t, err, c.want...)
				} else if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// An authority issues certificates.
type authority struct {
	file string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, file string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{file: file, key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, file, "CERTIFICATE", der)
	return a
}

// issue writes a certificate for loopback and its key.
func (a *authority) issue(t testing.TB, dir, name string) endpoint.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pair := endpoint.TLS{Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key")}
	writePEM(t, pair.Cert, "CERTIFICATE", der)
	writePEM(t, pair.Key, "EC PRIVATE KEY", private)
	return pair
}

func writePEM(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
