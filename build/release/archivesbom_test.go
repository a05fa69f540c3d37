package release

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap"
	attest "github.com/slipway-build/slipway/images/attest/proof"
)

// Archives of a release with SBOMs carry those of own images, with the bytes in dist/artifacts, and those of others.
func TestArchivesCarrySBOMs(t *testing.T) {
	r := makeRelease(t)
	r.configure("publish:", "sbom: {formats: [spdx, cyclonedx], of: [images]}\npublish:")
	r.run("package")
	if err := r.verify(); err != nil {
		t.Error(err)
	}
	artifacts := filepath.Join(r.dir, "dist", "artifacts")
	files := read(t, artifacts)
	archive := filepath.Join(artifacts, "acme-images.linux-amd64.tar.zst")
	carried := archivedSBOMs(t, archive)
	for _, name := range []string{"acme-runtime-linux-amd64.spdx.json", "acme-runtime-linux-amd64.cdx.json"} {
		raw, err := os.ReadFile(filepath.Join(artifacts, name))
		if err != nil {
			t.Fatal(err)
		}
		if own := carried[r.registry+"/team/acme-runtime:v1.2.3-acme1"]; !slices.Contains(own, string(raw)) {
			t.Errorf("the archive does not carry %s: %d SBOMs of %q", name, len(own), slices.Sorted(maps.Keys(carried)))
		}
	}
	other := carried[r.other+"/tools/pause:3.10"]
	if len(other) != 2 || !strings.Contains(other[0], `"spdxVersion":"SPDX-2.3"`) || !strings.Contains(other[1], `"bomFormat":"CycloneDX"`) {
		t.Errorf("SBOMs of another image: %.300q", other)
	}

	// Nothing is read again, not even in another release with the same image.
	before, err := os.Stat(archive)
	if err != nil {
		t.Fatal(err)
	}
	r.run("package")
	if after, err := os.Stat(archive); err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the archive was written again (%v)", err)
	}
	r.env["SOURCE_DATE_EPOCH"] = "1700000001"
	r.run("package")
	if again := archivedSBOMs(t, archive); !slices.Equal(again[r.other+"/tools/pause:3.10"], other) {
		t.Error("the SBOMs of another image depend on the release")
	}

	// Another machine makes the same archive.
	r.env["SOURCE_DATE_EPOCH"] = "1700000000"
	dist := filepath.Join(t.TempDir(), "dist")
	r.do(r.open(into(dist), func(o *Options) { o.Cache, o.Jobs = t.TempDir(), 1 }), "package")
	for name, text := range read(t, filepath.Join(dist, "artifacts")) {
		if files[name] != text {
			t.Errorf("%s differs on another machine", name)
		}
	}

	// Only with SBOMs of images is there something to carry.
	r.configure("of: [images]", "of: [archives]")
	r.run("package")
	if carried := archivedSBOMs(t, archive); carried != nil {
		t.Errorf("the archive carries %q", carried)
	}
}

// archivedSBOMs returns the SBOMs that an archive carries, by the first name of their image. It is nil without a proof.
func archivedSBOMs(t *testing.T, file string) map[string][]string {
	t.Helper()
	a, err := airgap.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	p, err := attest.Read(t.Context(), a.ReadFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, img := range p.Content.Images {
		for _, item := range img.Proof {
			if item.Kind != attest.SBOM {
				continue
			}
			raw, err := a.ReadFile(t.Context(), attest.ItemFile(item.Digest), attest.MaxItem)
			if err != nil {
				t.Fatal(err)
			}
			out[img.Names[0]] = append(out[img.Names[0]], string(raw))
		}
	}
	return out
}
