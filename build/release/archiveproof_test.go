package release

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/slipway-build/slipway/images/airgap"
	attest "github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/statement"
)

// Archives of a release with provenance carry that of their images. Another run of CI makes the same archive.
func TestArchivesCarryProvenance(t *testing.T) {
	r := makeProvenRelease(t)
	r.env["CI_JOB_URL"], r.env["GITLAB_CI"] = "https://ci.example.com/1", "true"
	r.run("package")
	file := filepath.Join(r.dir, "dist", "artifacts", "acme-images-core.linux-amd64.tar.zst")
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a, err := airgap.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	p, err := attest.Read(t.Context(), a.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	if of := p.Content.Release; of == nil || of.Name != "acme" || len(of.Commit) != 40 {
		t.Errorf("the archive is of %+v", of)
	}
	img := p.Content.Images[0]
	i := slices.IndexFunc(img.Proof, func(i attest.Item) bool { return i.Kind == attest.Provenance })
	if i < 0 {
		t.Fatalf("the proof of %s is %+v", img.Names, img.Proof)
	}
	read := func(ctx context.Context) []byte {
		raw, err := a.ReadFile(ctx, attest.ItemFile(img.Proof[i].Digest), attest.MaxItem)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	s, err := statement.Read(read(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if !s.About(img.Registry.Manifest.String()) || bytes.Contains(s.Predicate, []byte("ci.example.com")) {
		t.Errorf("the provenance is about %+v: %s", s.Subjects, s.Predicate)
	}
	r.env["CI_JOB_URL"] = "https://ci.example.com/2"
	if err := os.RemoveAll(filepath.Join(r.dir, "dist")); err != nil {
		t.Fatal(err)
	}
	r.run("package")
	if second, err := os.ReadFile(file); err != nil || !bytes.Equal(first, second) {
		t.Errorf("another run makes another archive (%v)", err)
	}
}
