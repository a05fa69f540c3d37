package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// A signer is a folder with two key pairs, cosign.key and other.key.
type signer struct {
	t   *testing.T
	dir string
	env map[string]string
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	s := &signer{t, t.TempDir(), map[string]string{"COSIGN_PASSWORD": "pass word"}}
	for _, prefix := range []string{"cosign", "other"} {
		s.ok("key", "generate", "--output-key-prefix", s.path(prefix))
	}
	return s
}

func (s *signer) path(name string) string { return filepath.Join(s.dir, name) }

func (s *signer) ok(args ...string) (stdout string) {
	s.t.Helper()
	status, stdout, stderr := run(s.t, s.env, args...)
	if status != 0 {
		s.t.Fatalf("%q: status %d: %s", args, status, stderr)
	}
	return stdout
}

func (s *signer) fails(status int, want string, args ...string) {
	s.t.Helper()
	got, stdout, stderr := run(s.t, s.env, args...)
	if got != status || !strings.Contains(stderr, want) || strings.Contains(stderr, "pass word") {
		s.t.Errorf("%q: status %d, want %d; stdout %s; stderr %s, want %q", args, got, status, stdout, stderr, want)
	}
}

// cosign runs cosign, without a configuration of the user.
func (s *signer) cosign(args ...string) {
	s.t.Helper()
	cmd := exec.Command(imagetest.Program(s.t, "cosign"), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "COSIGN_PASSWORD=pass word"}
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Errorf("cosign %q: %v: %s", args, err, out)
	}
}

func TestKeys(t *testing.T) {
	s := newSigner(t)
	public, err := os.ReadFile(s.path("cosign.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.ok("key", "public", "--key", s.path("cosign.key")); got != string(public) {
		t.Errorf("public key %s, want %s", got, public)
	}
	s.fails(1, "cosign.key", "key", "generate", "--output-key-prefix", s.path("cosign"))
	if again, err := os.ReadFile(s.path("cosign.pub")); err != nil || string(again) != string(public) {
		t.Errorf("the public key was replaced: %v", err)
	}
	delete(s.env, "COSIGN_PASSWORD")
	s.fails(2, "set the environment variable COSIGN_PASSWORD", "key", "generate", "--output-key-prefix", s.path("new"))
}

func TestSignedFiles(t *testing.T) {
	s := newSigner(t)
	file := s.path("app.tar.gz")
	if err := os.WriteFile(file, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.ok("sign-blob", "--key", s.path("cosign.key"), file)
	if out := s.ok("verify-blob", "--key", s.path("other.pub"), "--key", s.path("cosign.pub"), file); !strings.HasPrefix(out, file+"\tkey ") {
		t.Errorf("stdout %q", out)
	}
	s.cosign("verify-blob", "--key", s.path("cosign.pub"), "--bundle", file+".sigstore.json", "--insecure-ignore-tlog", file)
	s.fails(1, "the signature does not match key", "verify-blob", "--key", s.path("other.pub"), file)
	s.fails(1, "missing", "verify-blob", "--key", s.path("cosign.pub"), s.path("cosign.pub"))
	s.fails(2, "missing key", "verify-blob", file)
	s.fails(2, "--bundle is for one file", "sign-blob", "--key", s.path("cosign.key"), "--bundle", "x", file, file)
	link := s.path("latest.tar.gz")
	testfile.Symlink(t, "app.tar.gz", link)
	s.ok("verify-blob", "--key", s.path("cosign.pub"), "--bundle", file+".sigstore.json", link)
	s.ok("sign-blob", "--key", s.path("cosign.key"), link)
	s.ok("verify-blob", "--key", s.path("cosign.pub"), link)
	if err := os.WriteFile(file, []byte("Content"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.fails(1, "the signature does not match key", "verify-blob", "--key", s.path("cosign.pub"), link)
	s.fails(1, "the signature does not match key", "verify-blob", "--key", s.path("cosign.pub"), file)
}

func TestSignedImages(t *testing.T) {
	imagetest.Program(t, "cosign") // without it, skip this test rather than a part of it
	s := newSigner(t)
	public := s.path("cosign.pub")
	for name, registry := range map[string]string{"with the referrers API": imagetest.ReferrersRegistry(t), "without": imagetest.Registry(t)} {
		t.Run(name, func(t *testing.T) {
			ref := registry + "/org/app:v1"
			imagetest.Push(t, ref, imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 100)), imagetest.Image(t, "linux/arm64")))
			s.fails(1, "missing signature of sha256:", "image", "verify", "--key", public, ref)

			s.cosign("sign", "--yes", "--key", s.path("other.key"), "--use-signing-config=false", "--tlog-upload=false", ref)
			s.fails(1, "does not match key", "image", "verify", "--key", public, ref)
			s.ok("image", "verify", "--key", s.path("other.pub"), ref)
			s.fails(1, "missing signature", "image", "verify", "-r", "--key", s.path("other.pub"), ref)
			s.cosign("sign", "--yes", "--key", s.path("other.key"), "--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false", ref)

			s.ok("image", "sign", "--key", s.path("cosign.key"), "--attach", "referrers,tags", ref)
			if out := s.ok("image", "verify", "--recursive", "--key", public, ref); strings.Count(out, "\thttps://sigstore.dev/cosign/sign/v1\tkey ") != 6 {
				t.Errorf("signatures of an index and two images in two forms:\n%s", out)
			}
			s.cosign("verify", "--key", public, "--insecure-ignore-tlog", ref)
			s.cosign("verify", "--key", public, "--insecure-ignore-tlog", "--new-bundle-format=false", ref)
			// The signatures of others stay.
			if out := s.ok("image", "verify", "--key", s.path("other.pub"), ref); strings.Count(out, "\n") != 2 {
				t.Errorf("signatures of cosign in two forms:\n%s", out)
			}
		})
	}
	s.fails(2, "--attach elsewhere", "image", "sign", "--key", s.path("cosign.key"), "--attach", "elsewhere", "x")
	s.fails(1, "missing.key", "image", "sign", "--key", s.path("missing.key"), "x")
}
