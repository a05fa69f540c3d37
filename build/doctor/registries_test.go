package doctor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

const ownImage = "repository: team\nimages: [{name: app, variants: [{platforms: [linux/amd64], dockerfile: Dockerfile}]}]\n"

// inFront is a registry behind a proxy that may answer first.
func inFront(t *testing.T, answer func(w http.ResponseWriter, r *http.Request) bool) (behind, address string) {
	behind = imagetest.Registry(t)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: behind})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answer(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return behind, strings.TrimPrefix(server.URL, "http://")
}

func TestTagsThatExist(t *testing.T) {
	p := newProject(t, ownImage+"publish: [{registry: \"${REGISTRY}\"}]\n")
	p.write("Dockerfile", "FROM scratch\n")
	p.wantsNone(p.examine(), "registries")
	ref := p.env["REGISTRY"] + "/team/app:v1.2.3-linux-amd64"
	imagetest.Push(t, ref, imagetest.Image(t, "linux/amd64"))
	p.wantsOnly(p.examine(), Warning, "registries", "slipway.yaml:5:11: "+ref+" exists already, with digest sha256:", "publish refuses to replace it")
	p.options.Force = true
	p.wantsOnly(p.examine(), Note, "registries", ref, "publish replaces it")
}

func TestRightsToPush(t *testing.T) {
	_, address := inFront(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			http.Error(w, `{"errors":[{"code":"DENIED","message":"read only"}]}`, http.StatusForbidden)
		}
		return r.Method == http.MethodPost
	})
	p := newProject(t, ownImage+"publish: [{registry: \""+address+"\"}, {registry: \"127.0.0.1:1\"}, {oci: \""+address+"/files\", credentials: {username: \"${NAME}\", password: \"${SECRET}\"}}]\n")
	p.write("Dockerfile", "FROM scratch\n")
	r := p.examine()
	p.wants(r, Error, "registries", "slipway.yaml:5:11: registry "+address+" requires credentials to push repository team/app")
	p.wants(r, Error, "registries", "slipway.yaml:5:", "registry 127.0.0.1:1 does not answer")
	p.wants(r, Error, "registries", "slipway.yaml:5:", "environment variable NAME is not set")
}

func TestARegistryThatRefusesPulls(t *testing.T) {
	behind, address := inFront(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		w.Header().Set("Retry-After", "21600")
		http.Error(w, `{"errors":[{"code":"TOOMANYREQUESTS"}]}`, http.StatusTooManyRequests)
		return true
	})
	imagetest.Push(t, behind+"/tools/pause:3", imagetest.Image(t, "linux/amd64"))
	p := newProject(t, "airgap: {lists: {images: {file: images.txt, platforms: [linux/amd64]}}}\n")
	p.write("images.txt", address+"/tools/pause:3\n")
	p.wantsOnly(p.examine(), Error, "images", "images.txt:1: ", "429 Too Many Requests")
}

func TestTheRestOfTheRateBudget(t *testing.T) {
	remaining := 3
	behind, address := inFront(t, func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("ratelimit-limit", "100;w=21600")
		w.Header().Set("ratelimit-remaining", fmt.Sprintf("%d;w=21600", remaining))
		return false
	})
	p := newProject(t, "airgap: {lists: {images: {file: images.txt, platforms: [linux/amd64]}}}\n")
	var list strings.Builder
	for i := range 4 {
		imagetest.Push(t, fmt.Sprintf("%s/tools/x%d:3", behind, i), imagetest.Image(t, "linux/amd64"))
		fmt.Fprintf(&list, "%s/tools/x%d:3\n", address, i)
	}
	p.write("images.txt", list.String())
	p.wantsOnly(p.examine(), Warning, "rate", "the registry "+address+" allows 3 more pulls in 6 hours, and the release needs 4")
	remaining = 4
	p.wantsNone(p.examine(), "rate")
}
