package keylesstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	trustpb "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Subject and Issuer are the identity that the stand-in certifies.
const (
	Subject = "releases@example.com"
	Issuer  = "https://token.example.com"
)

// Services are the stand-ins.
type Services struct {
	// Fulcio, TSA and Rekor are their addresses.
	Fulcio, TSA, Rekor string
	// Lifetime is how long certificates are valid, as a time.Duration. The default is ten minutes. A negative one is of
	// certificates that ended when they were issued.
	Lifetime atomic.Int64
	// Certificates is how many were issued.
	Certificates atomic.Int64
	// Entries is how many requests Rekor got.
	Entries atomic.Int64
	// Failing is how many of the next requests to Fulcio are answered with status 503.
	Failing atomic.Int64
	// Lost is how many of the next entries Rekor adds without an answer.
	Lost atomic.Int64

	mu         sync.Mutex
	entries    map[string][]byte // Rekor's answers, by the IDs of the entries
	t          testing.TB
	root       certified
	fulcio     certified
	tsa        certified
	log, ctlog *ecdsa.PrivateKey
}

// certified is a key with its certificate.
type certified struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

// Start starts the services. They end with the test.
func Start(t testing.TB) *Services {
	t.Helper()
	s := &Services{t: t, entries: map[string][]byte{}, log: newKey(t), ctlog: newKey(t)}
	s.Lifetime.Store(int64(10 * time.Minute))
	s.root.issue(t, &x509.Certificate{IsCA: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	s.fulcio.issue(t, &x509.Certificate{IsCA: true, KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}, &s.root)
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		t.Fatal(err)
	}
	// The usage must be critical (RFC 3161, section 2.3), which x509 does not write.
	s.tsa.issue(t, &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}}}, &s.root)
	mux := http.NewServeMux()
	for path, answer := range map[string]func(*http.Request) ([]byte, error){
		"/api/v2/signingCert": s.certify, "/api/v1/timestamp": s.stamp, "/api/v1/log/entries": s.add,
	} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			raw, err := answer(r)
			if err != nil {
				status := http.StatusBadRequest
				var added addedError
				switch {
				case errors.Is(err, errUnavailable):
					status = http.StatusServiceUnavailable
				case errors.As(err, &added):
					w.Header().Set("Location", "/api/v1/log/entries/"+string(added))
					status = http.StatusConflict
				}
				// Fulcio repeats nothing of the token; a proxy may.
				http.Error(w, err.Error()+" "+r.Header.Get("Authorization"), status)
				return
			}
			if path != "/api/v1/timestamp" {
				w.Header().Set("Content-Type", "application/json")
			}
			var entries map[string]any
			if path == "/api/v1/log/entries" && json.Unmarshal(raw, &entries) == nil {
				for id := range entries {
					w.Header().Set("ETag", id)
				}
			}
			if path != "/api/v2/signingCert" {
				w.WriteHeader(http.StatusCreated)
			}
			w.Write(raw) // ignore error: the client reports it
		})
	}
	mux.HandleFunc("GET /api/v1/log/entries/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		w.Write(s.entries[r.PathValue("id")]) // ignore error: the client reports it
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.Fulcio, s.TSA, s.Rekor = server.URL, server.URL+"/api/v1/timestamp", server.URL
	return s
}

// Root returns a trusted root of the services: "tsa", "rekor" and "ctlog", beside Fulcio.
func (s *Services) Root(services ...string) []byte {
	s.t.Helper()
	valid := &common.TimeRange{Start: timestamppb.New(time.Now().Add(-time.Hour))}
	authority := func(certificates ...certified) *trustpb.CertificateAuthority {
		a := &trustpb.CertificateAuthority{ValidFor: valid, CertChain: &common.X509CertificateChain{}, Uri: s.Fulcio,
			Subject: &common.DistinguishedName{Organization: "example.com", CommonName: "stand-in"}}
		for _, c := range certificates {
			a.CertChain.Certificates = append(a.CertChain.Certificates, &common.X509Certificate{RawBytes: c.certificate.Raw})
		}
		return a
	}
	log := func(key *ecdsa.PrivateKey) []*trustpb.TransparencyLogInstance {
		id := idOf(s.t, key)
		return []*trustpb.TransparencyLogInstance{{BaseUrl: s.Rekor, HashAlgorithm: common.HashAlgorithm_SHA2_256, LogId: &common.LogId{KeyId: id[:]},
			PublicKey: &common.PublicKey{RawBytes: pkixOf(s.t, key), KeyDetails: common.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256, ValidFor: valid}}}
	}
	root := &trustpb.TrustedRoot{MediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		CertificateAuthorities: []*trustpb.CertificateAuthority{authority(s.fulcio, s.root)}}
	for _, service := range services {
		switch service {
		case "tsa":
			root.TimestampAuthorities = []*trustpb.CertificateAuthority{authority(s.tsa, s.root)}
		case "rekor":
			root.Tlogs = log(s.log)
		case "ctlog":
			root.Ctlogs = log(s.ctlog)
		default:
			s.t.Fatalf("no service %q", service)
		}
	}
	raw, err := protojson.Marshal(root)
	if err != nil {
		s.t.Fatal(err)
	}
	return raw
}

// Token returns an identity token of Subject that is valid for some time.
func Token(valid time.Duration) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." +
		encode(fmt.Appendf(nil, `{"iss":%q,"sub":"1","email":%q,"email_verified":true,"aud":"sigstore","exp":%d}`, Issuer, Subject, time.Now().Add(valid).Unix())) +
		"." + encode([]byte("signature"))
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pkixOf(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	raw, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func idOf(t testing.TB, key *ecdsa.PrivateKey) [sha256.Size]byte {
	return sha256.Sum256(pkixOf(t, key))
}

// issue makes a key, and a certificate of it by an issuer, or by itself.
func (c *certified) issue(t testing.TB, template *x509.Certificate, by *certified) {
	t.Helper()
	c.key = newKey(t)
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{Organization: []string{"example.com"}, CommonName: "stand-in"}
	template.NotBefore, template.NotAfter, template.BasicConstraintsValid = time.Now().Add(-time.Hour), time.Now().Add(time.Hour), true
	if by == nil {
		by = &certified{c.key, template}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, by.certificate, c.key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	if c.certificate, err = x509.ParseCertificate(raw); err != nil {
		t.Fatal(err)
	}
}

// stamp answers a request for a timestamp.
func (s *Services) stamp(r *http.Request) ([]byte, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	request, err := timestamp.ParseRequest(raw)
	if err != nil {
		return nil, err
	}
	answer := timestamp.Timestamp{HashAlgorithm: request.HashAlgorithm, HashedMessage: request.HashedMessage, Time: time.Now(),
		Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}, ExtraExtensions: request.Extensions}
	return answer.CreateResponseWithOpts(s.tsa.certificate, s.tsa.key, crypto.SHA256)
}

// bearer returns the token of a request.
func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}
