package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// keyPair returns a private key and its public key in PEM, the same for each seed.
func keyPair(seed byte) (private, public string) {
	raw, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), slices.Repeat([]byte{seed}, 32))
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(raw)
	if err != nil {
		panic(err)
	}
	private = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	key, err := sign.ParsePrivateKey([]byte(private), nil)
	if err != nil {
		panic(err)
	}
	return private, string(key.PublicKey().PEM())
}

// signedArchive packs an image of a registry into an archive with a signed statement, and returns its path.
func signedArchive(t *testing.T, dir string) string {
	t.Helper()
	private, public := keyPair(1)
	_, other := keyPair(2)
	testfile.Write(t, filepath.Join(dir, "release.key"), private)
	testfile.Write(t, filepath.Join(dir, "release.pub"), public)
	testfile.Write(t, filepath.Join(dir, "other.pub"), other)
	testfile.Write(t, filepath.Join(dir, "policy.yaml"), "keys: {release: release.pub, other: other.pub}\narchive: {signed-by: [release]}\nimages:\n  - repositories: ['*/x', '*/team/*']\n    signed-by: [other]\n")
	hub := imagetest.Registry(t)
	imagetest.Push(t, hub+"/team/app:v1", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/app": imagetest.Words(1, 100_000)})))
	archive := filepath.Join(dir, "images.tar.zst")
	packed := []string{"airgap", "pack", "--platform", "linux/amd64", "--sbom", "spdx", "--sign-key", filepath.Join(dir, "release.key"), "-o", archive, hub + "/team/app:v1"}
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir(), "PROGRESS": "none"}
	if status, stdout, stderr := run(t, env, packed...); status != 0 {
		t.Fatalf("pack: exit status %d\n%s%s", status, stdout, stderr)
	}
	refused := append(slices.Clone(packed), "--policy", filepath.Join(dir, "policy.yaml"))
	if status, _, stderr := run(t, env, refused...); status == 0 || !strings.Contains(stderr, "it is not signed by other") {
		t.Errorf("an unsigned upstream image: exit status %d\n%s", status, stderr)
	}
	return archive
}

func TestAirgapVerifyChecksProof(t *testing.T) {
	dir := t.TempDir()
	archive := signedArchive(t, dir)
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir(), "PROGRESS": "none"}
	target := imagetest.Registry(t)
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"verify", "--key", filepath.Join(dir, "release.pub"), archive}, 0, "signed: all of its content by " + filepath.Join(dir, "release.pub")},
		{[]string{"verify", "--key", filepath.Join(dir, "release.pub"), archive}, 0, "team/app:v1 (linux/amd64): vouched for by"},
		{[]string{"verify", "--json", "--key", filepath.Join(dir, "release.pub"), archive}, 0, `"signer": "`},
		{[]string{"verify", "--key", filepath.Join(dir, "other.pub"), archive}, 1, "problem: proof/content.sigstore.json: the signature does not match"},
		{[]string{"verify", "--policy", filepath.Join(dir, "policy.yaml"), archive}, 1, "it is not signed by other"},
		{[]string{"verify", "--policy", filepath.Join(dir, "policy.yaml"), "--key", "x", archive}, 2, "--key and --policy"},
		{[]string{"verify", "--key", filepath.Join(dir, "missing.pub"), archive}, 2, "missing.pub"},
		{[]string{"push", "--key", filepath.Join(dir, "other.pub"), archive, target + "/refused"}, 1, "the signature does not match"},
		{[]string{"push", "--key", filepath.Join(dir, "release.pub"), archive, target + "/mirror"}, 0, "/mirror/team/app:v1@sha256:"},
		{[]string{"ls", "--proof", archive}, 0, "content, 1 signature"},
		{[]string{"ls", "--proof", "--json", archive}, 0, `"kind": "manifest"`},
		{[]string{"ls", "--proof", "--json", archive}, 0, `"mediaType": "application/spdx+json"`},
	} {
		status, stdout, stderr := run(t, env, append([]string{"airgap"}, c.args...)...)
		if status != c.status || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%q: exit status %d, want %d and %q\n%s%s", c.args, status, c.status, c.want, stdout, stderr)
		}
	}
	if status, stdout, _ := run(t, env, "index", "inspect", target+"/refused/team/app:v1"); status == 0 {
		t.Errorf("an archive that nobody trusted has signed was pushed:\n%s", stdout)
	}
}

// compiled compiles slipway into dir, and returns its path.
func compiled(t *testing.T, dir string) string {
	t.Helper()
	slipway := filepath.Join(dir, "slipway")
	build := exec.CommandContext(t.Context(), imagetest.Program(t, "go"), "build", "-o", slipway, "./cmd/slipway")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return slipway
}

// namespaces returns the path of unshare, which makes network namespaces.
func namespaces(t *testing.T) string {
	t.Helper()
	unshare := imagetest.Program(t, "unshare")
	if out, err := exec.CommandContext(t.Context(), unshare, "-n", "true").CombinedOutput(); err != nil {
		testfile.Missing(t, "unshare -n fails: %v\n%s", err, out)
	}
	return unshare
}

// On a host without a network, in a folder with nothing but the archive, the operator's key says all. cosign, with what
// tar unpacks, says who signed the manifests.
func TestVerifyOffline(t *testing.T) {
	if runtime.GOOS != "linux" || testing.Short() {
		t.Skip("compiles slipway, and makes a network namespace of Linux")
	}
	dir := t.TempDir()
	archive := signedArchive(t, dir)
	slipway, unshare := compiled(t, dir), namespaces(t)
	empty := t.TempDir()
	if err := os.Rename(archive, filepath.Join(empty, "images.tar.zst")); err != nil {
		t.Fatal(err)
	}
	offline := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), unshare, append([]string{"-n"}, args...)...)
		cmd.Dir = empty
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + empty}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	pub, other := filepath.Join(dir, "release.pub"), filepath.Join(dir, "other.pub")
	if out, err := offline(slipway, "airgap", "verify", "--key", pub, "images.tar.zst"); err != nil || !strings.Contains(out, "signed: all of its content") {
		t.Errorf("verify: %v\n%s", err, out)
	}
	if out, err := offline(slipway, "airgap", "verify", "--key", other, "images.tar.zst"); err == nil {
		t.Errorf("verify with another key:\n%s", out)
	}
	if entries, err := os.ReadDir(empty); err != nil || len(entries) != 1 {
		t.Errorf("verify left %v (%v)", entries, err)
	}
	listed, err := offline(slipway, "airgap", "ls", "--json", "images.tar.zst")
	var images []struct{ Manifest string }
	if err != nil || json.Unmarshal([]byte(listed), &images) != nil || len(images) != 1 {
		t.Fatalf("ls: %v\n%s", err, listed)
	}
	cosign := imagetest.Program(t, "cosign")
	if out, err := offline(imagetest.Program(t, "tar"), "-xf", "images.tar.zst", "proof", "blobs"); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	verify := func(key string) (string, error) {
		return offline(cosign, "verify-blob-attestation", "--key", key, "--insecure-ignore-tlog", "--type", "https://github.com/slipway-build/slipway/archive-content/v1",
			"--bundle", "proof/content.sigstore.json", "blobs/sha256/"+strings.TrimPrefix(images[0].Manifest, "sha256:"))
	}
	if out, err := verify(pub); err != nil {
		t.Errorf("cosign: %v\n%s", err, out)
	}
	if out, err := verify(other); err == nil {
		t.Errorf("cosign with another key:\n%s", out)
	}
}

// A mirror on a host without a network gets its images and their signatures from an archive. slipway and cosign verify
// them there.
func TestVerifyMirrorOffline(t *testing.T) {
	if runtime.GOOS != "linux" || testing.Short() {
		t.Skip("compiles slipway, and makes a network namespace of Linux")
	}
	dir := t.TempDir()
	private, public := keyPair(1)
	_, other := keyPair(2)
	testfile.Write(t, filepath.Join(dir, "release.key"), private)
	testfile.Write(t, filepath.Join(dir, "release.pub"), public)
	testfile.Write(t, filepath.Join(dir, "other.pub"), other)
	testfile.Write(t, filepath.Join(dir, "registry.yml"), "version: 0.1\nstorage: {filesystem: {rootdirectory: registry}}\nhttp: {addr: \"127.0.0.1:5000\"}\n")
	ref := imagetest.Registry(t) + "/team/app:v1"
	imagetest.Push(t, ref, imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/app": imagetest.Words(1, 100_000)})))
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir(), "PROGRESS": "none"}
	for _, args := range [][]string{
		{"image", "sign", "--key", filepath.Join(dir, "release.key"), ref},
		{"airgap", "pack", "--layers", "original", "--sign-key", filepath.Join(dir, "release.key"), "-o", filepath.Join(dir, "images.tar.zst"), ref},
	} {
		if status, stdout, stderr := run(t, env, args...); status != 0 {
			t.Fatalf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
	compiled(t, dir)
	imagetest.Program(t, "cosign")
	imagetest.Program(t, "docker-registry")
	imagetest.Program(t, "ip")
	const script = `
ip link set lo up
docker-registry serve registry.yml >registry.log 2>&1 &
trap 'kill $!' EXIT
until (exec 3<>/dev/tcp/127.0.0.1/5000) 2>/dev/null; do kill -0 $!; sleep 0.1; done
mirrored=127.0.0.1:5000/mirror/team/app:v1
./slipway airgap push --key release.pub images.tar.zst 127.0.0.1:5000/mirror
./slipway image verify --key release.pub $mirrored
cosign verify --key release.pub --insecure-ignore-tlog $mirrored
for program in './slipway image' 'cosign'; do
  if $program verify --key other.pub $mirrored; then echo "$program: verified with another key"; exit 1; fi
done
echo all is as expected
`
	cmd := exec.CommandContext(t.Context(), namespaces(t), "-n", "bash", "-euc", script)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "OTEL_TRACES_EXPORTER=none"}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "all is as expected\n") {
		t.Errorf("%v\n%s", err, out)
	}
}
