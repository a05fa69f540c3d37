package report

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/cost"
	"github.com/slipway-build/slipway/internal/testfile"
)

func platform(t *testing.T, text string) images.Platform {
	t.Helper()
	var p images.Platform
	if err := p.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return p
}

// dist writes a dist with one archive and an SBOM.
func dist(t *testing.T, of, sbom string) string {
	t.Helper()
	dir := t.TempDir()
	archive := filepath.Join(dir, "artifacts", "acme-"+of+".linux-amd64.tar.zst")
	if err := os.MkdirAll(filepath.Dir(archive), 0o755); err != nil {
		t.Fatal(err)
	}
	airgaptest.PackOne(t, airgaptest.NewStore(t), archive, airgaptest.SampleImages(t)...)
	testfile.Write(t, filepath.Join(dir, "artifacts", "acme.spdx.json"), sbom)
	info, err := os.Stat(archive)
	if err != nil {
		t.Fatal(err)
	}
	amd64 := platform(t, "linux/amd64")
	raw, err := json.Marshal(release.Report{Project: "acme", Release: version.Release{Version: of, Tag: of}, Made: []release.Made{
		{Kind: "archive", Name: "core", Platform: amd64, Path: "dist/artifacts/acme-" + of + ".linux-amd64.tar.gz", Digest: "sha256:1" + of, Size: info.Size() + 1},
		{Kind: "archive", Name: "core", Platform: amd64, Path: "dist/artifacts/acme-" + of + ".linux-amd64.tar.zst", Digest: "sha256:2" + of, Size: info.Size()},
		{Kind: "sbom", Name: "acme", Path: "dist/artifacts/acme.spdx.json", Subject: "dist/artifacts/acme", Digest: "sha256:3" + of, Size: int64(len(sbom))},
	}})
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, filepath.Join(dir, "artifacts.json"), string(raw))
	return dir
}

func read(t *testing.T, where string) (*Document, *Source) {
	t.Helper()
	source, err := Open(t.Context(), where, release.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	r, err := source.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r, source
}

const spdx = `{"spdxVersion": "SPDX-2.3", "packages": [{"name": "acme"},
 {"name": "openssl", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/openssl@3.0.1-1%2Bb1?arch=amd64"}]},
 {"name": "scope", "externalRefs": [{"referenceType": "cpe23Type", "referenceLocator": "x"}, {"referenceType": "purl", "referenceLocator": "pkg:npm/%40scope/name@2.0.0"}]}]}`

const cyclonedx = `{"bomFormat": "CycloneDX", "components": [{"purl": "pkg:deb/debian/openssl@3.0.2"}, {"purl": "pkg:golang/golang.org/x/net@v0.46.0"}, {"type": "file"}]}`

func TestReadADist(t *testing.T) {
	r, _ := read(t, dist(t, "v1", spdx))
	if len(r.Notes) > 0 || len(r.Archives) != 1 {
		t.Fatalf("notes %q, archives %v", r.Notes, r.Archives)
	}
	a := r.Archives[0]
	if a.Path != "dist/artifacts/acme-v1.linux-amd64.tar.zst" || len(a.Images) != len(airgaptest.SampleImages(t)) {
		t.Errorf("the archive is %s with %d images", a.Path, len(a.Images))
	}
	sum := a.Rest
	for _, i := range a.Images {
		sum += i.Size
	}
	if sum != a.Size || a.Rest <= 0 {
		t.Errorf("the parts of the archive have %d bytes, %d of them are not of an image; want %d", sum, a.Rest, a.Size)
	}
	want := []Software{{"deb/debian/openssl", []string{"3.0.1-1+b1"}, 1}, {"npm/@scope/name", []string{"2.0.0"}, 1}}
	if diff := cmp.Diff(want, r.Packages); diff != "" {
		t.Error(diff)
	}
}

func TestCompare(t *testing.T) {
	old, earlier := read(t, dist(t, "v1", spdx))
	now, source := read(t, dist(t, "v2", cyclonedx))
	old.Archives[0].Images[0].Digest = "sha256:other"
	measured := 0
	err := now.Compare(t.Context(), source, "v1", sourceOf(old, earlier), func(_ context.Context, old, new string) (*cost.Update, error) {
		measured++
		if filepath.Base(old) != "acme-v1.linux-amd64.tar.zst" || filepath.Base(new) != "acme-v2.linux-amd64.tar.zst" {
			t.Errorf("measured %s and %s", old, new)
		}
		return &cost.Update{Total: cost.Sizes{Archive: 100, Delta: 10}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c := now.Changes
	if measured != 1 || len(c.Updates) != 1 || c.Updates[0].Delta != 10 {
		t.Errorf("%d updates measured: %v", measured, c.Updates)
	}
	wantPackages := []PackageChange{{"deb/debian/openssl", []string{"3.0.1-1+b1"}, []string{"3.0.2"}},
		{"golang/golang.org/x/net", []string{}, []string{"v0.46.0"}}, {"npm/@scope/name", []string{"2.0.0"}, []string{}}}
	if diff := cmp.Diff(wantPackages, c.Packages); diff != "" {
		t.Error(diff)
	}
	if len(c.Images) != 1 || c.Images[0].Status != Changed || c.Images[0].Old != c.Images[0].New {
		t.Errorf("images %v", c.Images)
	}
	if len(c.Artifacts) != 3 || c.Artifacts[0].Status != Changed {
		t.Errorf("artifacts %v", c.Artifacts)
	}
}

// sourceOf returns a source with a report that was changed.
func sourceOf(r *Document, of *Source) *Source {
	return &Source{known: r, files: of.files, Close: of.Close}
}

func TestAFailedMeasurementIsANote(t *testing.T) {
	_, earlier := read(t, dist(t, "v1", spdx))
	now, source := read(t, dist(t, "v2", spdx))
	err := now.Compare(t.Context(), source, "v1", earlier, func(context.Context, string, string) (*cost.Update, error) { return nil, errors.New("odd archive") })
	if err != nil || len(now.Notes) != 1 || !strings.Contains(now.Notes[0], "odd archive") || len(now.Changes.Updates) != 0 {
		t.Errorf("%v, notes %q", err, now.Notes)
	}
}

func TestImageChanges(t *testing.T) {
	archive := func(images ...SizedImage) *Document { return &Document{Archives: []SizedArchive{{Images: images}}} }
	image := func(ref, digest, at string) SizedImage {
		return SizedImage{Image: ref, Digest: digest, Platform: platform(t, at), Layers: []SizedLayer{{DiffID: digest, Size: 5}}}
	}
	old := archive(image("acme/a:1", "1", "linux/amd64"), image("acme/b:1", "2", "linux/amd64"), image("acme/c:1", "3", "linux/amd64"),
		image("acme/w:1", "4", "windows/amd64:10.0.20348.1"))
	now := archive(image("acme/a:2", "10", "linux/amd64"), image("acme/b:1", "2", "linux/amd64"), image("acme/d:1", "3d", "linux/arm64"),
		image("acme/w:1", "40", "windows/amd64:10.0.20348.2"))
	now.Made = []release.Made{{Kind: "image", Ref: "registry.example.com/own:1", Platform: platform(t, "linux/amd64"), Digest: "7", Size: 9}}
	var got []string
	for _, c := range imageChanges(old, now) {
		got = append(got, c.Status+" "+c.Platform.String()+" "+c.Old+" "+c.New)
	}
	want := []string{"changed linux/amd64 acme/a:1 acme/a:2", "removed linux/amd64 acme/c:1 ", "added linux/arm64  acme/d:1",
		"changed windows/amd64:10.0.20348.2 acme/w:1 acme/w:1", "added linux/amd64  registry.example.com/own:1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestShared(t *testing.T) {
	layers := func(names ...string) (out []SizedLayer) {
		for _, name := range names {
			out = append(out, SizedLayer{DiffID: name, Size: 10})
		}
		return out
	}
	amd64, arm64 := platform(t, "linux/amd64"), platform(t, "linux/arm64")
	r := &Document{
		Images: []SizedImage{{Image: "a", Layers: layers("base", "a")}, {Image: "b", Layers: layers("base", "base", "b")}},
		Archives: []SizedArchive{
			{Name: "core", Platform: amd64, Images: []SizedImage{{Image: "a", Layers: layers("base", "a")}, {Image: "b", Layers: layers("base", "b")}, {Image: "c", Layers: layers("base")}}},
			{Name: "extra", Platform: amd64, Images: []SizedImage{{Image: "a", Layers: layers("base", "a")}}},
			{Name: "core", Platform: arm64, Images: []SizedImage{{Image: "d", Layers: layers("d")}}},
		},
	}
	want := []SharedLayer{
		{DiffID: "base", Size: 10, Images: []string{"a", "b", "c"}, Archives: []string{"core for linux/amd64", "extra for linux/amd64"}, Saved: 30, Repeated: 10},
		{DiffID: "a", Size: 10, Images: []string{"a"}, Archives: []string{"core for linux/amd64", "extra for linux/amd64"}, Repeated: 10},
	}
	if diff := cmp.Diff(want, shared(r)); diff != "" {
		t.Error(diff)
	}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct{ name, text, fails string }{
		{"artifacts.json", `{"project": "acme", "made": []}`, ""},
		{"a report", `{"format": 1, "made": [], "unknown": 1}`, ""},
		{"a page", `<html>` + element + `{"format":1,"made":[]}</script></html>`, ""},
		{"another version", `{"format": 2, "made": []}`, "a report of format 2, want 1: it is of another version of slipway"},
		{"a page of another version", element + `{"format":3,"made":[]}</script>`, "a report of format 3"},
		{"another document", `{"format": 1, "problems": []}`, "it has no member made"},
		{"another page", `<html></html>`, "not a report of slipway"},
		{"a page that was cut", element + `{"format":1,"made":[]}`, "not a report of slipway"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Decode([]byte(c.text)); (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("got %v, want %q", err, c.fails)
			}
		})
	}
}

func TestOpenAReport(t *testing.T) {
	r, _ := read(t, dist(t, "v1", spdx))
	raw, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	testfile.Write(t, file, "<html>"+element+string(raw)+"</script></html>")
	again, source := read(t, file)
	if diff := cmp.Diff(r, again); diff != "" {
		t.Error(diff)
	}
	if at, err := source.locate(t.Context(), r.Archives[0].Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a report alone has the file %q, %v", at, err)
	}
	if err := again.Compare(t.Context(), source, "itself", source, nil); err != nil || len(again.Changes.Artifacts)+len(again.Changes.Images)+len(again.Changes.Packages) > 0 {
		t.Errorf("compared with itself: %v, %v", err, again.Changes)
	}
}

// A damaged archive and a damaged SBOM are notes, and the rest is described.
func TestWhatCannotBeReadIsANote(t *testing.T) {
	dir := dist(t, "v1", "{")
	testfile.Write(t, filepath.Join(dir, "artifacts", "acme-v1.linux-amd64.tar.zst"), "damaged")
	r, _ := read(t, dir)
	if len(r.Notes) != 2 || len(r.Made) != 3 || len(r.Archives) != 1 {
		t.Errorf("notes %q", r.Notes)
	}
}
