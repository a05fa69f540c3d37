package doctor

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

const anySum = "0000000000000000000000000000000000000000000000000000000000000000"

func TestFilesThatCannotBeFetched(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/here" {
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	p := newProject(t, `fetch:
  - {url: "`+server.URL+`/here", sha256: "`+anySum+`", path: a}
  - {url: "`+server.URL+`/gone", sha256: "`+anySum+`", path: b}
`)
	p.wantsOnly(p.examine(), Error, "fetches", "slipway.yaml:5:5: fetching "+server.URL+"/gone: the server answered 404 Not Found")
	p.options.Offline = true
	r := p.examine()
	p.wants(r, Error, "fetches", "slipway.yaml:4:5: ", "/here: it is not in the cache, and the network is not used")
}

func TestDownloadsWithoutAChecksum(t *testing.T) {
	p := newProject(t, "images:\n  - {name: app, variants: [{platforms: [linux/amd64], dockerfile: Dockerfile}]}\n")
	p.write("Dockerfile", "FROM scratch\nADD https://user:secret@example.com/x /\nADD --checksum=sha256:"+anySum+" https://example.com/y /\n")
	p.wantsOnly(p.examine(), Warning, "fetches", "Dockerfile:2: ADD https://***@example.com/x has no checksum", "add --checksum=sha256:…")
}
