package registry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/hosts"
	"github.com/slipway-build/slipway/images/imagetest"
)

// tlsFront starts a server with the certificate of httptest before a registry. It returns its
// host:port and the file of its CA.
func tlsFront(t *testing.T, registry string, change func(*tls.Config)) (host, ca string) {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: registry})
	server := httptest.NewUnstartedServer(proxy)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{}
	if change != nil {
		change(server.TLS)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, ca, "CERTIFICATE", server.Certificate().Raw)
	return strings.TrimPrefix(server.URL, "https://"), ca
}

func writePEM(t *testing.T, file, kind string, raw []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func with(host string, s hosts.Setting) func(*Options) {
	return func(o *Options) { o.Hosts = o.Hosts.With(host, s) }
}

func TestTLSOnLoopback(t *testing.T) {
	registry := imagetest.Registry(t)
	host, ca := tlsFront(t, registry, nil)
	made := threeLayers(t)

	_, err := newClient(t).Push(t.Context(), parse(t, host+"/org/x:v1"), made)
	wantError(t, err, host, "signed by a CA that is not trusted here", "ca.crt", "SSL_CERT_FILE", "docs/registries.md")

	for name, set := range map[string]hosts.Setting{"CA": {CA: ca}, "no verification": {SkipVerify: true}} {
		c := newClient(t, with(host, set))
		if _, err := c.Push(t.Context(), parse(t, host+"/org/x:v1"), made); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		img, err := c.Image(t.Context(), host+"/org/x:v1", linux)
		if err != nil {
			t.Fatal(err)
		}
		if err := readAll(img); err != nil {
			t.Error(err)
		}
	}

	_, err = newClient(t, with(host, hosts.Setting{PlainHTTP: true})).Image(t.Context(), host+"/org/x:v1", linux)
	wantError(t, err, "it may expect TLS")
}

func TestClientCertificates(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "me"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	rawKey, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := filepath.Join(dir, "me.cert"), filepath.Join(dir, "me.key")
	writePEM(t, certFile, "CERTIFICATE", raw)
	writePEM(t, keyFile, "PRIVATE KEY", rawKey)
	pool := x509.NewCertPool()
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(cert)

	registry := imagetest.Registry(t)
	imagetest.Push(t, registry+"/org/x:v1", threeLayers(t))
	host, ca := tlsFront(t, registry, func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, pool })
	_, err = newClient(t, with(host, hosts.Setting{CA: ca})).Image(t.Context(), host+"/org/x:v1", linux)
	wantError(t, err, "requires a client certificate", "client.cert")
	if _, err := newClient(t, with(host, hosts.Setting{CA: ca, Cert: certFile, Key: keyFile})).Image(t.Context(), host+"/org/x:v1", linux); err != nil {
		t.Error(err)
	}
}

func TestPlainHTTPWhereTLSIsSettled(t *testing.T) {
	registry := imagetest.Registry(t)
	imagetest.Push(t, registry+"/org/x:v1", threeLayers(t))
	dir := t.TempDir()
	writeHosts(t, dir, registry, `server = "https://`+registry+`"`)
	_, err := newClient(t, func(o *Options) { o.Hosts.Dirs = []string{dir} }).Image(t.Context(), registry+"/org/x:v1", linux)
	wantError(t, err, "it speaks plain HTTP", "--plain-http "+registry, "plain-http: true", "SLIPWAY_PLAIN_HTTP")
	if _, err := newClient(t, func(o *Options) { o.Hosts.Dirs = []string{dir} }, with(registry, hosts.Setting{PlainHTTP: true})).
		Image(t.Context(), registry+"/org/x:v1", linux); err != nil {
		t.Error(err)
	}
}

// writeHosts writes the hosts.toml of a registry.
func writeHosts(t *testing.T, dir, registry, text string) {
	t.Helper()
	folder := filepath.Join(dir, strings.NewReplacer(":", "_").Replace(registry)+"_")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "hosts.toml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMirrorsAreAskedFirst(t *testing.T) {
	registry, full := imagetest.Registry(t), imagetest.Registry(t)
	made := threeLayers(t)
	imagetest.Push(t, full+"/proxy/org/x:v1", made)
	imagetest.Push(t, registry+"/org/x:v1", made)
	upstream := newFront(t, registry, nil)
	empty := newFront(t, imagetest.Registry(t), nil)
	var namespaces atomic.Int32
	mirror := newFront(t, full, func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Query().Get("ns") == upstream.host {
			namespaces.Add(1)
		}
		// The API of this mirror begins at another path.
		r.URL.Path = strings.Replace(r.URL.Path, "/cache/v2/org", "/v2/proxy/org", 1)
		return false
	})
	blobsOnly := newFront(t, registry, func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		if isManifest(r, http.MethodGet) && strings.HasSuffix(r.URL.Path, "/v1") {
			t.Error("a mirror without the capability resolve was asked for a tag")
		}
		return false
	})
	dir := t.TempDir()
	writeHosts(t, dir, upstream.host, `
[host."http://127.0.0.1:1"]
[host."http://`+blobsOnly.host+`"]
capabilities = ["pull"]
[host."http://`+empty.host+`"]
[host."http://`+mirror.host+`/cache"]
`)
	options := func(o *Options) { o.Hosts.Dirs = []string{dir} }
	c := newClient(t, options)
	img, err := c.Image(t.Context(), upstream.host+"/org/x:v1", linux)
	if err != nil {
		t.Fatal(err)
	}
	if digestOf(t, img) != digestOf(t, made) {
		t.Error("the pulled image differs")
	}
	if err := readAll(img); err != nil {
		t.Fatal(err)
	}
	if len(upstream.asked) != 0 {
		t.Errorf("the registry was asked %q", upstream.asked)
	}
	if namespaces.Load() == 0 {
		t.Error("the mirror did not get the registry in ns")
	}

	// A push goes to the registry itself.
	if _, err := c.Push(t.Context(), parse(t, upstream.host+"/org/y:v1"), made); err != nil {
		t.Fatal(err)
	}
	if upstream.count("PUT ") == 0 || mirror.count("PUT ")+empty.count("PUT ") != 0 {
		t.Error("the push went to a mirror")
	}

	_, err = newClient(t, options).Image(t.Context(), upstream.host+"/org/z:v1", linux)
	wantError(t, err, "has no image", "mirror 127.0.0.1:1: ", "mirror "+empty.host+": 404")
}

func TestInterruptedBlobIsResumedFromTheNextHost(t *testing.T) {
	registry := imagetest.DistributionRegistry(t)
	made := threeLayers(t)
	imagetest.Push(t, registry+"/org/x:v1", made)
	for name, fault := range map[string]func(w http.ResponseWriter, r *http.Request, proxy http.Handler){
		"broken": func(w http.ResponseWriter, r *http.Request, proxy http.Handler) { proxy.ServeHTTP(&cut{w, 150_000}, r) },
		"wrong bytes": func(w http.ResponseWriter, r *http.Request, proxy http.Handler) {
			_, _ = w.Write(make([]byte, 100))
		},
	} {
		t.Run(name, func(t *testing.T) {
			upstream := newFront(t, registry, nil)
			mirror := newFront(t, registry, func(f *front, w http.ResponseWriter, r *http.Request, _ int) bool {
				if !isGet(r, "blobs") {
					return false
				}
				fault(w, r, f.proxy)
				return true
			})
			c := newClient(t, with(upstream.host, hosts.Setting{Mirrors: []string{"http://" + mirror.host}}))
			ctx, shown := watched(t)
			img, err := c.Image(ctx, upstream.host+"/org/x:v1", linux)
			if err != nil {
				t.Fatal(err)
			}
			if err := readAll(img); err != nil {
				t.Fatal(err)
			}
			for _, line := range shown.take() {
				if strings.Contains(line, "failed") {
					t.Errorf("shown: %q", line)
				}
			}
		})
	}
}
