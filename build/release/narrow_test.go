package release

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
)

// versions returns the platforms of the entries of an index, with the versions of Windows.
func versions(t *testing.T, index v1.ImageIndex) []string {
	t.Helper()
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range m.Manifests {
		out = append(out, strings.TrimSpace(d.Platform.OS+"/"+d.Platform.Architecture+" "+d.Platform.OSVersion))
	}
	return out
}

var allVersions = []string{"linux/amd64", "linux/arm64", "windows/amd64 10.0.26100.4294", "windows/amd64 10.0.20348.4294"}

func TestNarrowedRunsEqualAWholeRun(t *testing.T) {
	r := makeRelease(t)
	for _, system := range plan.Systems {
		r.do(r.open(func(o *Options) { o.OS = system }), "build", system)
	}
	one := func(o *Options) { o.Platforms = platforms(t, "windows/amd64:10.0.20348.4294") }
	b := r.open(one)
	r.do(b, "build")
	const suffix = "/team/acme-runtime:v1.2.3-acme1"
	for tag, want := range map[string][]string{"": allVersions, "-windows-amd64": allVersions[2:]} {
		d, err := b.layout.Lookup(r.registry + suffix + tag)
		if err != nil {
			t.Fatal(err)
		}
		index, err := b.layout.Index(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, versions(t, index)); diff != "" {
			t.Errorf("index %s of dist/oci (-want +got):\n%s", tag, diff)
		}
	}

	// Another release does not use entries of this one.
	r.env["TAG"] = "v1.2.4+acme1"
	b = r.open(one)
	r.do(b, "build")
	d, err := b.layout.Lookup(r.registry + "/team/acme-runtime:v1.2.4-acme1")
	if err != nil {
		t.Fatal(err)
	}
	index, err := b.layout.Index(d.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(allVersions[3:], versions(t, index)); diff != "" {
		t.Errorf("the index of another release (-want +got):\n%s", diff)
	}
}

func TestPublishingOneWindowsVersionKeepsTheOthers(t *testing.T) {
	r := makeRelease(t)
	r.run("build")
	r.run("publish", "images", "index")
	// As on another machine, which has made no other images.
	if err := r.open().Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := r.open(func(o *Options) { o.Platforms = platforms(t, "windows/amd64:10.0.20348.4294") })
	r.do(b, "build")
	r.do(b, "publish", "images")
	r.do(b, "publish", "index")
	for tag, want := range map[string][]string{"": allVersions, "-windows-amd64": allVersions[2:]} {
		ref, err := name.ParseReference(r.registry + "/team/acme-runtime:v1.2.3-acme1" + tag)
		if err != nil {
			t.Fatal(err)
		}
		index, err := remote.Index(ref)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, versions(t, index)); diff != "" {
			t.Errorf("index %s of the registry (-want +got):\n%s", tag, diff)
		}
	}
	refs := []string{}
	for _, m := range b.published.sorted() {
		refs = append(refs, m.Ref)
	}
	if sorted := slices.Sorted(slices.Values(refs)); len(slices.Compact(sorted)) != len(refs) {
		t.Errorf("published twice: %v", refs)
	}
}

func platforms(t *testing.T, texts ...string) []v1.Platform {
	t.Helper()
	platforms, err := images.ParsePlatforms(texts)
	if err != nil {
		t.Fatal(err)
	}
	return platforms
}
