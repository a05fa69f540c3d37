package release

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// publishFails runs publish. It must end with the error want before it has published anything.
func (r *testRelease) publishFails(what, want string, change ...func(*Options)) {
	r.t.Helper()
	err := r.open(change...).Run(r.t.Context(), plan.Selection{Verb: "publish", Parts: plan.Verbs["publish"]})
	if err == nil || strings.Count(err.Error(), want) != 1 {
		r.t.Errorf("%s: error %v, want %q once", what, err, want)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "released")); !errors.Is(err, fs.ErrNotExist) {
		r.t.Errorf("%s: files are published (%v)", what, err)
	}
	repo, err := name.NewRepository(r.registry + "/team/acme-runtime")
	if err != nil {
		r.t.Fatal(err)
	}
	if tags, err := remote.List(repo); err == nil {
		r.t.Errorf("%s: images are published: %q", what, tags)
	}
}

func (r *testRelease) artifact(name string) string {
	r.t.Helper()
	raw, err := os.ReadFile(filepath.Join(r.dir, "dist", "artifacts", name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(raw)
}

// replace replaces a file of dist/artifacts, and its digest in artifacts.json and other lists.
func (r *testRelease) replace(name, content string, lists ...string) {
	r.t.Helper()
	old := hexSum(r.artifact(name))
	testfile.Write(r.t, filepath.Join(r.dir, "dist", "artifacts", name), content)
	for _, list := range append(lists, "../artifacts.json") {
		text := r.artifact(list)
		if !strings.Contains(text, old) {
			r.t.Fatalf("%s does not list %s", list, name)
		}
		testfile.Write(r.t, filepath.Join(r.dir, "dist", "artifacts", list), strings.ReplaceAll(text, old, hexSum(content)))
	}
}

func hexSum(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// Whoever can write to dist can change artifacts.json and the checksums, too, but not their signatures.
func TestPublishVerifiesSignaturesOfFiles(t *testing.T) {
	imagetest.Program(t, "go")
	const archive, signature, checksums = "acme-images.linux-amd64.tar.zst", "acme-images.linux-amd64.tar.zst.sigstore.json", "sha256sum-amd64.txt"
	const noMatch = ": the signature does not match key"
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		r := signedRelease(t, "")
		r.run("package")
		genuine := r.artifact(signature)
		r.replace(signature, r.artifact(checksums+".sigstore.json"))
		r.publishFails("the signature of another file", archive+noMatch)

		reported := r.artifact("../artifacts.json")
		if err := os.Remove(filepath.Join(r.dir, "dist", "artifacts.json")); err != nil {
			t.Fatal(err)
		}
		r.publishFails("the signature of another file, without a report", archive+noMatch, func(o *Options) { o.Force = true })
		testfile.Write(t, filepath.Join(r.dir, "dist", "artifacts.json"), reported)

		r.replace(signature, genuine)
		r.replace(archive, r.artifact("acme-images-core.linux-amd64.tar.zst"), checksums)
		r.publishFails("another archive", archive+noMatch)
	})
	t.Run("checksums", func(t *testing.T) {
		t.Parallel()
		r := signedRelease(t, ", files: checksums")
		r.run("package")
		genuine, listed := r.artifact(archive), r.artifact(checksums)
		r.replace(archive, r.artifact("acme-images-core.linux-amd64.tar.zst"))
		r.publishFails("another archive", checksums+": "+archive+" has SHA-256")
		r.replace(checksums, strings.ReplaceAll(listed, hexSum(genuine), hexSum(r.artifact(archive))))
		r.publishFails("another archive and other checksums", checksums+noMatch)
	})
}
