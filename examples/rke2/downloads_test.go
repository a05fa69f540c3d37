package rke2

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

// fetched is an entry of fetch in slipway.yaml.
var fetched = regexp.MustCompile(`- url: https://([^\n]+)\n    sha256: [0-9a-f]{64}\n`)

// standIns returns slipway.yaml with the URLs and SHA-256 of files on loopback, instead of those of other projects.
func standIns(t *testing.T) string {
	t.Helper()
	files := map[string][]byte{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := files[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(content)
	}))
	t.Cleanup(server.Close)
	config := read(t, "slipway.yaml")
	variable := regexp.MustCompile(`\$\{(\w+)\}`)
	return fetched.ReplaceAllStringFunc(config, func(entry string) string {
		url := fetched.FindStringSubmatch(entry)[1]
		path := variable.ReplaceAllStringFunc(url, func(name string) string {
			value := regexp.MustCompile(`(?m)^  ` + name[2:len(name)-1] + `: (\S+)$`).FindStringSubmatch(config)
			if value == nil {
				t.Fatalf("%s: slipway.yaml does not declare %s", url, name)
			}
			return value[1]
		})
		files[path] = download(t, path)
		return fmt.Sprintf("- url: %s/%s\n    sha256: %x\n", server.URL, url, sha256.Sum256(files[path]))
	})
}

// download returns a file in the form of the original at path, with other content.
func download(t *testing.T, path string) []byte {
	t.Helper()
	switch {
	case strings.Contains(path, "/containerd-"):
		return tarball(t, "bin/containerd-shim-runhcs-v1.exe", "bin/containerd.exe")
	case strings.Contains(path, "/crictl-"):
		return tarball(t, "crictl.exe")
	case strings.Contains(path, "/cni-plugins-"):
		return tarball(t, "./win-overlay.exe", "./host-local.exe", "./win-bridge.exe")
	case strings.HasSuffix(path, ".zip"):
		var file bytes.Buffer
		z := zip.NewWriter(&file)
		for _, name := range []string{"CalicoWindows/calico-node.exe", "CalicoWindows/cni/calico.exe", "CalicoWindows/cni/calico-ipam.exe", "CalicoWindows/confd/conf.d/x.toml"} {
			w, err := z.Create(name)
			if err == nil {
				_, err = w.Write([]byte("content of " + name))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return file.Bytes()
	}
	return []byte("content of " + path)
}

func tarball(t *testing.T, names ...string) []byte {
	t.Helper()
	var entries []imagetest.Entry
	for _, name := range names {
		entries = append(entries, imagetest.Entry{Header: tar.Header{Name: name, Mode: 0o755}, Body: "content of " + name})
	}
	var file bytes.Buffer
	z := gzip.NewWriter(&file)
	_, err := z.Write(imagetest.Tar(t, entries...))
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}
