package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/attest/keyless/keylesstest"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// identityFlags are those of signatures by the identity of keylesstest.
func identityFlags(dir string) []string {
	return []string{"--trusted-root", filepath.Join(dir, "root.json"), "--certificate-identity", keylesstest.Subject, "--certificate-oidc-issuer", keylesstest.Issuer}
}

func TestIdentitiesSignFilesAndImages(t *testing.T) {
	services := keylesstest.Start(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	testfile.Write(t, file, "content")
	testfile.Write(t, filepath.Join(dir, "root.json"), string(services.Root("tsa", "ctlog")))
	ref := imagetest.Registry(t) + "/team/app:v1"
	imagetest.Push(t, ref, imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"app": "x"})))
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir(), "PROGRESS": "none", "SIGSTORE_ID_TOKEN": keylesstest.Token(time.Hour)}
	signing := append([]string{"--fulcio-url", services.Fulcio, "--timestamp-server-url", services.TSA}, identityFlags(dir)...)
	regexps := append(identityFlags(dir)[:2], "--certificate-identity-regexp", "^releases@example\\.com$", "--certificate-oidc-issuer-regexp", "example")
	other := append(identityFlags(dir)[:2], "--certificate-identity", "other@example.com", "--certificate-oidc-issuer", keylesstest.Issuer)
	for _, c := range []struct {
		words, flags []string
		status       int
		want         string
	}{
		{[]string{"sign-blob", file}, signing, 0, ""},
		{[]string{"image", "sign", ref}, signing, 0, "identity releases@example.com (https://token.example.com)"},
		{[]string{"image", "sign", ref}, slices.Concat(signing[:4], other), 1, "not by other@example.com"},
		{[]string{"image", "sign", "--attach", "tags", ref}, signing, 2, "referrers only"},
		{[]string{"image", "sign", ref}, signing[:4], 2, "missing --trusted-root and --certificate-identity"},
		{[]string{"image", "sign", ref}, slices.Concat(signing[:2], signing[4:]), 2, "missing --timestamp-server-url or --rekor-url"},
		{[]string{"image", "sign", "--key", "x", ref}, signing, 2, "--key and --fulcio-url"},
		{[]string{"verify-blob", file}, identityFlags(dir), 0, "identity releases@example.com (https://token.example.com)"},
		{[]string{"verify-blob", file}, regexps, 0, "identity releases@example.com (https://token.example.com)"},
		{[]string{"image", "verify", ref}, regexps, 0, "identity releases@example.com (https://token.example.com)"},
		{[]string{"verify-blob", file}, other, 1, "it is signed by releases@example.com"},
		{[]string{"verify-blob", file}, other[2:], 2, "missing --trusted-root FILE"},
		{[]string{"image", "verify", ref}, identityFlags(dir), 0, "identity releases@example.com (https://token.example.com)"},
		{[]string{"image", "verify", ref}, other, 1, "it is signed by releases@example.com"},
		{[]string{"image", "verify", ref}, []string{"--trusted-root", ""}, 2, "--trusted-root"},
	} {
		status, stdout, stderr := run(t, env, append(c.words, c.flags...)...)
		if status != c.status || !strings.Contains(stdout+stderr, c.want) || strings.Contains(stdout+stderr, env["SIGSTORE_ID_TOKEN"]) {
			t.Errorf("%v %v: exit status %d, want %d and %q\n%s%s", c.words, c.flags, status, c.status, c.want, stdout, stderr)
		}
	}

	cosign := exec.Command(imagetest.Program(t, "cosign"), slices.Concat([]string{"verify", "--insecure-ignore-tlog", "--use-signed-timestamps", "--allow-insecure-registry"}, identityFlags(dir), []string{ref})...)
	cosign.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	if out, err := cosign.CombinedOutput(); err != nil {
		t.Errorf("cosign verify: %v\n%s", err, out)
	}
}

// An archive carries the signature of an image in its registry, and a policy names who must have made it.
func TestAPolicyNamesIdentities(t *testing.T) {
	services := keylesstest.Start(t)
	dir := t.TempDir()
	testfile.Write(t, filepath.Join(dir, "root.json"), string(services.Root("rekor", "ctlog")))
	ref := imagetest.Registry(t) + "/team/app:v1"
	imagetest.Push(t, ref, imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"app": "x"})))
	for name, subject := range map[string]string{"policy.yaml": keylesstest.Subject, "other.yaml": "other@example.com"} {
		testfile.Write(t, filepath.Join(dir, name), "trusted-root: root.json\nidentities:\n  ci: {subject: "+subject+", issuer-regexp: ^https://token}\nimages:\n  - {repositories: [\"**\"], signed-by: [ci]}\n")
	}
	testfile.Write(t, filepath.Join(dir, "beside.yaml"), "trusted-root: root.json\nidentities:\n  ci: {subject: x, issuer: y}\narchive: {signed-by: [ci]}\n")
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir(), "PROGRESS": "none", "SIGSTORE_ID_TOKEN": keylesstest.Token(time.Hour)}
	archive := filepath.Join(dir, "images.tar.zst")
	pack := []string{"airgap", "pack", "--platform", "linux/amd64", "--trust", filepath.Join(dir, "root.json"), "-o", archive, "--policy"}
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{append(slices.Clone(pack), filepath.Join(dir, "policy.yaml"), ref), 1, "it is not signed by ci"},
		{append(slices.Clone(pack), filepath.Join(dir, "beside.yaml"), ref), 1, "the policy: only identities may have signed the archive"},
		{slices.Concat([]string{"image", "sign", "--fulcio-url", services.Fulcio, "--rekor-url", services.Rekor}, identityFlags(dir), []string{ref}), 0, ""},
		{append(slices.Clone(pack), filepath.Join(dir, "other.yaml"), ref), 1, "it is not signed by ci"},
		{append(slices.Clone(pack), filepath.Join(dir, "policy.yaml"), ref), 0, ""},
		{[]string{"airgap", "verify", "--policy", filepath.Join(dir, "policy.yaml"), archive}, 0, "signed by ci, identity releases@example.com (https://token.example.com)"},
		{[]string{"airgap", "verify", "--policy", filepath.Join(dir, "other.yaml"), archive}, 1, "it is not signed by ci"},
		{[]string{"airgap", "ls", "--proof", archive}, 0, "trust"},
		{append([]string{"airgap", "verify", archive}, identityFlags(dir)...), 1, "its content statement is not signed"},
		{slices.Concat([]string{"sign-blob", "--fulcio-url", services.Fulcio, "--rekor-url", services.Rekor}, identityFlags(dir), []string{archive}), 0, ""},
		{append([]string{"airgap", "verify", archive}, identityFlags(dir)...), 0, "signed: all of its content by releases@example.com"},
		{append([]string{"airgap", "load", archive}, identityFlags(dir)...), 2, "only identities may have signed the archive"},
	} {
		if status, stdout, stderr := run(t, env, c.args...); status != c.status || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%v: exit status %d, want %d and %q\n%s%s", c.args, status, c.status, c.want, stdout, stderr)
		}
	}
}

// Versions of cosign before 3 attach signatures under tags, with the certificate in annotations.
func TestIdentitiesInTheOlderForm(t *testing.T) {
	cosign := imagetest.Program(t, "cosign")
	services := keylesstest.Start(t)
	dir := t.TempDir()
	testfile.Write(t, filepath.Join(dir, "root.json"), string(services.Root("rekor", "ctlog")))
	ref := imagetest.Registry(t) + "/team/app:v1"
	imagetest.Push(t, ref, imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"app": "x"})))
	testfile.Write(t, filepath.Join(dir, "token"), keylesstest.Token(time.Hour))
	sign := exec.Command(cosign, "sign", "--yes", "--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=true", "--insecure-skip-verify",
		"--fulcio-url", services.Fulcio, "--rekor-url", services.Rekor, "--identity-token", filepath.Join(dir, "token"), "--allow-insecure-registry", ref)
	sign.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	if out, err := sign.CombinedOutput(); err != nil {
		t.Fatalf("cosign sign: %v\n%s", err, out)
	}
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir(), "PROGRESS": "none"}
	if status, stdout, stderr := run(t, env, append([]string{"image", "verify", ref}, identityFlags(dir)...)...); status != 0 || !strings.Contains(stdout, "identity releases@example.com") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
	testfile.Write(t, filepath.Join(dir, "root.json"), string(keylesstest.Start(t).Root("rekor", "ctlog")))
	if status, _, stderr := run(t, env, append([]string{"image", "verify", ref}, identityFlags(dir)...)...); status != 1 || !strings.Contains(stderr, "the trusted root has no log") {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
}
