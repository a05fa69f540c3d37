package imagetest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registry starts a registry in this process and returns its host:port. Its
// content is kept in memory until the test ends.
func Registry(t testing.TB) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// ReferrersRegistry starts a registry with the referrers API of OCI 1.1 in this process, and returns its host:port. It
// says which subjects it has processed, filters lists, and checks that the content of manifests is there.
func ReferrersRegistry(t testing.TB) string {
	t.Helper()
	server := httptest.NewServer(ociserver.New(ocimem.New(), nil))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// listening matches the line in which docker-registry prints its address, with the port that the
// system chose.
var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)

// DistributionRegistry starts docker-registry, Docker's own registry, and returns its host:port.
// Unlike Registry, it checks that a manifest's blobs exist, answers Range requests, and keeps its
// content on disk, so that it can hold layers of any size.
func DistributionRegistry(t testing.TB) string {
	t.Helper()
	return serve(t, "docker-registry")
}

// Distribution3Registry is DistributionRegistry with version 3, whose program is registry.
func Distribution3Registry(t testing.TB) string {
	t.Helper()
	return serve(t, "registry")
}

// serve starts a program of Distribution.
func serve(t testing.TB, name string) string {
	t.Helper()
	program := Program(t, name)
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}\nhttp: {addr: \"127.0.0.1:0\"}\n"+
		// Without this, it refuses manifests with foreign layers.
		"validation: {manifests: {urls: {allow: ['^https?://']}}}\n",
		filepath.Join(dir, "data"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "serve", config)
	// REGISTRY_… variables of the caller would override the file.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "OTEL_TRACES_EXPORTER=none"}
	output, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr := make(chan string, 1)
	done := make(chan string, 1)
	go func() {
		var said strings.Builder
		for lines := bufio.NewScanner(output); lines.Scan(); {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case addr <- m[1]:
				default:
				}
			}
			if said.Len() < 10_000 {
				said.WriteString(lines.Text() + "\n")
			}
		}
		done <- said.String()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	select {
	case a := <-addr:
		return a
	case said := <-done:
		t.Fatalf("%s ended before it listened:\n%s", name, said)
	case <-time.After(30 * time.Second):
		t.Fatalf("%s did not listen within 30 s", name)
	}
	return ""
}

// Push pushes an image or index to ref, such as host:port/name:tag, and returns the reference by
// digest. Foreign layers are not pushed.
func Push(t testing.TB, ref string, what remote.Taggable) string {
	t.Helper()
	to, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	options := []remote.Option{remote.WithContext(t.Context())}
	switch what := what.(type) {
	case v1.ImageIndex:
		err = remote.WriteIndex(to, what, options...)
	case v1.Image:
		err = remote.Write(to, what, options...)
	default:
		err = remote.Put(to, what, options...)
	}
	if err != nil {
		t.Fatalf("pushing %s: %v", ref, err)
	}
	d, err := remote.Head(to, options...)
	if err != nil {
		t.Fatalf("looking for %s after pushing it: %v", ref, err)
	}
	return to.Context().Digest(d.Digest.String()).String()
}

// Tags returns the digest of each tag (REPOSITORY:TAG) of a registry that everyone can read.
func Tags(t testing.TB, host string) map[string]string {
	t.Helper()
	get := func(path string, into any) string {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/v2/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, */*")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if into != nil {
			if err := json.NewDecoder(response.Body).Decode(into); err != nil {
				t.Fatal(err)
			}
		}
		return response.Header.Get("Docker-Content-Digest")
	}
	var catalog struct{ Repositories []string }
	get("_catalog", &catalog)
	digests := map[string]string{}
	for _, repository := range catalog.Repositories {
		var list struct{ Tags []string }
		get(repository+"/tags/list", &list)
		for _, tag := range list.Tags {
			digests[repository+":"+tag] = get(repository+"/manifests/"+tag, nil)
		}
	}
	return digests
}
