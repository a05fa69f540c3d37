package release

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// TestHooks runs hooks of the project, of a binary and of an image, and makes an image with the output of one of them.
func TestHooks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its hooks are for sh; build/hook tests commands on Windows")
	}
	r := makeRelease(t)
	log := filepath.Join(t.TempDir(), "log")
	r.env["TOKEN"] = "s3cr3t-token"
	r.configure("binaries:\n", `before:
  - shell: mkdir -p build/charts; cat charts/chart.yaml > build/charts/made.yaml; echo charts >> `+log+`
    inputs: [charts]
    outputs: [build/charts]
after:
  - {shell: "test -f dist/artifacts.json; echo after $TOKEN >> `+log+`", secrets: [TOKEN]}
binaries:
`)
	r.configure("assert: [static]}", `assert: [static], before: [{shell: "echo $P >> `+log+`", env: {P: "before ${OS}"}}], after: [{run: [sh, -c, "ls dist/bin/${PLATFORM} >> `+log+`"]}]}`)
	r.configure("  - name: acme-runtime\n", "  - name: acme-runtime\n    before: [{shell: \"echo image >> "+log+"\"}]\n")
	r.configure("dockerfile: Dockerfile}", "dockerfile: Dockerfile, context: build}")
	told := func() string {
		data, _ := os.ReadFile(log)
		os.Remove(log)
		return strings.Join(strings.Fields(string(data)), " ")
	}
	binaries := "before linux before windows acme acme acme.exe"
	r.run("build")
	if got, want := told(), "charts "+binaries+" image after s3cr3t-token"; got != want {
		t.Errorf("the first build: got %q, want %q", got, want)
	}
	r.run("build", "binaries")
	if got, want := told(), binaries+" after s3cr3t-token"; got != want {
		t.Errorf("the second build: got %q, want %q", got, want)
	}
	testfile.Write(t, filepath.Join(r.dir, "charts", "chart.yaml"), "name: other\n")
	if r.run("build"); !strings.HasPrefix(told(), "charts ") {
		t.Error("an input has changed, and its hook did not run")
	}

	r.configure("test -f dist/artifacts.json;", "echo spent $TOKEN; exit 7;")
	err := r.try(r.open(), "build", "binaries")
	if err == nil || !strings.Contains(err.Error(), "slipway.yaml:10:5: after[0]: ") || !strings.Contains(err.Error(), "exit status 7; the last lines of its output:\n\tspent ***") ||
		strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("got %v", err)
	}
}

// TestDockerfileOfTheRepository builds a Dockerfile that copies a binary from a path in the repository, like RKE2's. A
// hook of the image copies it there.
func TestDockerfileOfTheRepository(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its hook is for sh")
	}
	r := makeRelease(t)
	testfile.Write(t, filepath.Join(r.dir, "Dockerfile"), "FROM scratch\nCOPY bin/acme /bin/\n")
	r.configure(`    contexts: {bin: "dist/bin/${PLATFORM}"}`, `    before: [{shell: "mkdir -p bin; cp dist/bin/linux-amd64/acme bin/", inputs: [dist/bin/linux-amd64/acme], outputs: [bin/acme]}]`)
	r.configure("{platforms: [linux/amd64, linux/arm64, windows/amd64], dockerfile", "{platforms: [linux/amd64], dockerfile")
	r.configure("    windows: {images: [acme-runtime], platforms: [windows/amd64]}\n", "")
	r.configure("core: {images: [acme-runtime]}", "core: {images: [acme-runtime], platforms: [linux/amd64]}")
	b := r.run("build", "images")
	if got := r.paths(b, "acme-runtime:v1.2.3-acme1-linux-amd64"); !slices.Equal(got, []string{"bin", "bin/acme"}) {
		t.Errorf("the image has %q", got)
	}
}

// TestFetch makes an image with a file that was fetched and unpacked.
func TestFetch(t *testing.T) {
	r := makeRelease(t)
	content := string(imagetest.Tar(t, imagetest.Entry{Header: tar.Header{Name: "tools/bin/tool.exe"}, Body: "tool"}, imagetest.Entry{Header: tar.Header{Name: "tools/README"}, Body: "read"}))
	source := filepath.Join(t.TempDir(), "tools.tar")
	testfile.Write(t, source, content)
	sum := sha256.Sum256([]byte(content))
	address := "file:///" + strings.TrimPrefix(filepath.ToSlash(source), "/")
	r.configure("binaries:\n", "fetch:\n  - {url: "+address+", sha256: "+hex.EncodeToString(sum[:])+
		", path: fetched, unpack: true, include: [tools/bin], strip-components: 1}\nbinaries:\n")
	r.configure(`contexts: {bin: "dist/bin/${PLATFORM}"}`, `contexts: {bin: "dist/bin/${PLATFORM}", charts: fetched}`)
	testfile.Write(t, filepath.Join(r.dir, "Dockerfile"), "FROM scratch\nCOPY --from=bin acme* /bin/\nCOPY --from=charts . /\n")
	b := r.run("build", "images")
	if got := r.paths(b, "acme-runtime:v1.2.3-acme1-linux-amd64"); !slices.Equal(got, []string{"bin", "bin", "bin/acme", "bin/tool.exe"}) {
		t.Errorf("the image has %q", got)
	}
}
