package release

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/images/lint"
)

// attestedRelease is makeProvenRelease whose indexes contain provenance and SBOMs.
func attestedRelease(t *testing.T) *testRelease {
	t.Helper()
	r := makeProvenRelease(t)
	r.options.Snapshot = true // the checkout has changes
	r.configure("provenance: true\n", "provenance: {attest: true}\nsbom: {attest: true, formats: [spdx, cyclonedx], of: [images]}\n")
	return r
}

// attested returns the statements in an index by the digest of their image and their predicate type. It finds them by the
// annotations that buildx uses.
func attested(t *testing.T, index v1.ImageIndex) map[string]*statement.Statement {
	t.Helper()
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*statement.Statement{}
	for _, d := range m.Manifests {
		subject := d.Annotations["vnd.docker.reference.digest"]
		if d.Annotations["vnd.docker.reference.type"] != "attestation-manifest" {
			continue
		}
		if d.Platform.OS != "unknown" || d.Platform.Architecture != "unknown" {
			t.Errorf("an attestation for %s", d.Platform)
		}
		image, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := image.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range manifest.Layers {
			layer, err := image.LayerByDigest(l.Digest)
			if err != nil {
				t.Fatal(err)
			}
			content, err := layer.Compressed()
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(content)
			if err := errors.Join(err, content.Close()); err != nil {
				t.Fatal(err)
			}
			s, err := statement.Read(raw)
			if err != nil {
				t.Fatal(err)
			}
			if l.MediaType != "application/vnd.in-toto+json" || l.Annotations["in-toto.io/predicate-type"] != s.PredicateType || !s.About(subject) {
				t.Errorf("layer %+v has a statement of type %s about %v", l, s.PredicateType, s.Subjects)
			}
			out[subject+" "+s.PredicateType] = s
		}
	}
	return out
}

func (r *testRelease) published(tag string) v1.ImageIndex {
	r.t.Helper()
	ref, err := name.ParseReference(r.registry + "/team/acme-runtime:" + tag)
	if err != nil {
		r.t.Fatal(err)
	}
	index, err := remote.Index(ref)
	if err != nil {
		r.t.Fatal(err)
	}
	return index
}

func TestAttestationsInIndexes(t *testing.T) {
	r := attestedRelease(t)
	r.run("package")
	if err := r.verify(); err != nil {
		t.Error(err)
	}
	r.run("publish")
	for tag, platforms := range map[string]int{"v1.2.3-acme1": 2, "v1.2.3-acme1-windows-amd64": 1} {
		index := r.published(tag)
		found := attested(t, index)
		if len(found) != 3*platforms {
			t.Errorf("%s has %d statements, want 3 of each image", tag, len(found))
		}
		for key, s := range found {
			var predicate struct {
				RunDetails struct {
					Builder struct{ ID string }
				}
				SPDXVersion, BomFormat string
			}
			if err := json.Unmarshal(s.Predicate, &predicate); err != nil {
				t.Fatal(err)
			}
			have := []string{predicate.RunDetails.Builder.ID, predicate.SPDXVersion, predicate.BomFormat}
			if !slices.Contains([]string{"https://github.com/slipway-build/slipway", "SPDX-2.3", "CycloneDX"}, strings.Join(have, "")) {
				t.Errorf("%s: %q", key, have)
			}
		}
		raw, err := index.RawManifest()
		if err != nil {
			t.Fatal(err)
		}
		if findings, err := lint.Index(t.Context(), raw, index, lint.Options{}); err != nil || len(findings) > 0 {
			t.Errorf("%s: %v, %v", tag, findings, err)
		}
		if _, err := images.ImageFor(index, images.Platform{}.Platform); err == nil {
			t.Errorf("%s: an attestation is taken for an image", tag)
		}
	}

	proof := filepath.Join(r.dir, "dist", "proof", "acme-runtime_v1.2.3-acme1-linux-amd64.provenance.json")
	raw, err := os.ReadFile(proof)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(proof, []byte(strings.Replace(string(raw), "Dockerfile.linux", "Dockerfile.other", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.verify(); err == nil || !strings.Contains(err.Error(), "missing attestation sha256:") {
		t.Errorf("verify of another statement: %v", err)
	}
	if err := os.Remove(proof); err != nil {
		t.Fatal(err)
	}
	if err := r.verify(); err == nil || !strings.Contains(err.Error(), "missing dist/proof/acme-runtime_v1.2.3-acme1-linux-amd64.provenance.json: run build") {
		t.Errorf("verify without a statement: %v", err)
	}
}

// All ways to a release lead to the same index: in CI or not, on one machine or several, platform by platform.
func TestAttestationsAreTheSameEverywhere(t *testing.T) {
	r := attestedRelease(t)
	made, err := plan.Select("build", []string{"images"})
	if err != nil {
		t.Fatal(err)
	}
	b := r.run("build")
	for _, s := range b.Selected(made).SBOMs {
		if _, err := os.Stat(filepath.Join(r.dir, filepath.FromSlash(s.Output))); err != nil {
			t.Error(err)
		}
	}
	if n := len(b.Selected(made).SBOMs); n != 4 {
		t.Errorf("a dry run says that build writes %d SBOMs, want 4", n)
	}
	want := tags(t, filepath.Join(r.dir, "dist", "oci"))
	same := func(what, dist string) {
		t.Helper()
		if diff := cmp.Diff(want, tags(t, filepath.Join(dist, "oci"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	for name, value := range map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/acme"} {
		r.env[name] = value
	}
	folder := t.TempDir()
	linux, windows, merged, narrowed := filepath.Join(folder, "linux"), filepath.Join(folder, "windows"), filepath.Join(folder, "merged"), filepath.Join(folder, "narrowed")
	r.job(into(linux, system("linux")))
	r.job(into(windows, system("windows")))
	b = r.open(into(merged))
	if err := b.Merge(t.Context(), []string{linux, windows}); err != nil {
		t.Fatal(err)
	}
	b.Close()
	same("merged", merged)
	if err := r.open(into(merged)).Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	for _, name := range []string{"linux", "windows"} {
		b := r.open(into(narrowed, system(name), func(o *Options) { o.Cache = filepath.Join(folder, "cache") }))
		r.do(b, "build")
		b.Close()
	}
	same("platform by platform", narrowed)

	// Another machine has the attestations of the images that this one finds in the registry.
	for _, dist := range []string{linux, windows} {
		b := r.open(into(dist, system(filepath.Base(dist))))
		r.do(b, "publish", "images")
		b.Close()
	}
	err = r.open(into(linux)).Run(t.Context(), plan.Selection{Verb: "publish", Parts: []string{"index"}})
	if err == nil || !strings.Contains(err.Error(), "missing dist/proof/acme-runtime_v1.2.3-acme1-windows-ltsc2025-amd64.provenance.json") || !strings.Contains(err.Error(), "slipway merge") {
		t.Errorf("publish of an index without its attestations: %v", err)
	}
	r.do(r.open(into(merged)), "publish", "index")
	if n := len(attested(t, r.published("v1.2.3-acme1"))); n != 6 {
		t.Errorf("the published index has %d statements, want 6", n)
	}
}
