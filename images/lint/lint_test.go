package lint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

// An indexFile is an index that a tool has made, without layers.
type indexFile struct {
	Index v1.Hash           `json:"index"`
	Blobs map[string]string `json:"blobs"`
}

func (f indexFile) write(t *testing.T) *store.Store {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`, "index.json": `{"schemaVersion":2,"manifests":[]}`}
	for digest, content := range f.Blobs {
		files[filepath.Join("blobs", "sha256", strings.TrimPrefix(digest, "sha256:"))] = content
	}
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	layout, err := store.OpenLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	return layout
}

// The indexes of buildctl build (buildx), docker manifest, crane index append, regctl index create and ko build.
func TestIndexesOfOtherTools(t *testing.T) {
	for tool, want := range map[string][]string{
		"buildx": {},
		"crane":  {"error windows-order: nodes with Windows 10.0.26100 take 10.0.20348.4294"},
		"docker": {ofDigest("error contradicting-os-version: entry %s has the os.version 10.0.17763.7919, its config 10.0.20348.4294", "d817b391cd07a915e510c15062a856997a10d2ad14c69337a7c9d85f89b9f025"),
			"error duplicate-platform: ", "warning contradicting-architecture: "},
		"regctl": {"error nested-index: "},
		"ko":     {},
	} {
		t.Run(tool, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("testdata", tool+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var made indexFile
			if err := json.Unmarshal(raw, &made); err != nil {
				t.Fatal(err)
			}
			layout := made.write(t)
			index, err := layout.Index(made.Index)
			if err != nil {
				t.Fatal(err)
			}
			check(t, []byte(made.Blobs[made.Index.String()]), index, Options{Jobs: 4}, want)
		})
	}
}

func ofDigest(format, hex string) string { return fmt.Sprintf(format, "sha256:"+hex) }

var digests = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// check compares findings with texts that they begin with. If a text ends with $, it is the whole finding. D is any
// digest.
func check(t *testing.T, raw []byte, in images.Manifests, o Options, want []string) {
	t.Helper()
	all, err := Index(t.Context(), raw, in, o)
	if err != nil {
		t.Fatal(err)
	}
	have := []string{}
	for i, f := range all {
		text := fmt.Sprintf("%s %s: %s", f.Severity, f.Rule, f.Message)
		if i < len(want) && (strings.HasPrefix(text, want[i]) || strings.HasPrefix(digests.ReplaceAllString(text, "D")+"$", want[i])) {
			text = want[i]
		}
		have = append(have, text)
		if f.Reason == "" || f.Advice == "" {
			t.Errorf("%s: no reason or no advice", f.Rule)
		}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("findings (-want +have):\n%s", diff)
	}
}

// contents maps digests to images and indexes.
type contents map[v1.Hash]any

func (c contents) Image(h v1.Hash) (v1.Image, error) {
	if image, ok := c[h].(v1.Image); ok {
		return image, nil
	}
	return nil, images.Absentf("no image %s", h)
}

func (c contents) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	if index, ok := c[h].(v1.ImageIndex); ok {
		return index, nil
	}
	return nil, images.Absentf("no index %s", h)
}

// brokenImage fails when its config is read.
type brokenImage struct{ v1.Image }

func (brokenImage) ConfigFile() (*v1.ConfigFile, error) {
	return nil, errors.New("unexpected end of JSON input")
}

// makeIndex makes an index. An entry is "[PLATFORM] [of CONFIG] [WORD…]": the platform in the index, which is that of
// the config by default.
func makeIndex(t *testing.T, entries ...string) ([]byte, contents) {
	t.Helper()
	m := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	in := contents{}
	for i, entry := range entries {
		words := strings.Fields(entry)
		said, config := words[0], words[0]
		has := func(word string) bool { return slices.Contains(words, word) }
		if n := slices.Index(words, "of"); n > 0 {
			config = words[n+1]
		}
		if has("no-os-version") {
			said = strings.Split(said, ":")[0]
		}
		seed := uint64(i)
		if has("again") {
			seed--
		}
		kind := types.OCILayer
		if has("docker") {
			kind = types.DockerLayer
		}
		layer := imagetest.LayerOf(t, kind, imagetest.Files{"seed": fmt.Sprint(seed)}.Entries()...)
		image := imagetest.Image(t, config, layer)
		if has("silent") {
			image = imagetest.Silent(t, layer)
		}
		if has("chart") {
			image = imagetest.Chart(t)
		}
		d := v1.Descriptor{}
		var err error
		if d.Digest, err = image.Digest(); err != nil {
			t.Fatal(err)
		}
		if d.MediaType, err = image.MediaType(); err != nil {
			t.Fatal(err)
		}
		if d.Size, err = image.Size(); err != nil {
			t.Fatal(err)
		}
		in[d.Digest] = image
		if said != "none" {
			p := imagetest.Platform(t, said)
			d.Platform = &p
		}
		switch {
		case has("missing"):
			delete(in, d.Digest)
		case has("broken"):
			in[d.Digest] = brokenImage{image}
		case has("wrong-size"):
			d.Size++
		case has("wrong-type"):
			d.MediaType = types.DockerManifestSchema2
		case has("unknown-type"):
			d.MediaType = "application/x"
		case has("nested"):
			index := imagetest.Index(t, image)
			if d.Digest, err = index.Digest(); err != nil {
				t.Fatal(err)
			}
			if d.Size, err = index.Size(); err != nil {
				t.Fatal(err)
			}
			d.MediaType, in[d.Digest] = types.OCIImageIndex, index
		case has("attests"):
			subject := m.Manifests[0].Digest.String()
			if has("other") {
				subject = "sha256:" + strings.Repeat("0", 64)
			}
			d.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": subject}
		}
		m.Manifests = append(m.Manifests, d)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw, in
}

func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range []struct {
		name    string
		entries []string
		partial bool
		want    []string
	}{
		{"all is well", []string{"linux/amd64", "linux/arm64", "linux/arm/v6", "linux/arm/v7", "windows/amd64:10.0.26100.4294+win32k", "windows/amd64:10.0.20348.4294", "windows/amd64:10.0.17763.7919",
			"unknown/unknown attests"}, false, []string{}},
		{"only an attestation", []string{"unknown/unknown attests-nothing"}, false, []string{"error empty-index: the index has no image", "warning attestation-without-image: "}},
		{"no image", []string{"linux/amd64 unknown-type"}, false, []string{"error empty-index: the index has no image", `warning unknown-media-type: `}},
		{"media types of both families", []string{"linux/amd64 docker", "linux/arm64"}, false, []string{"warning mixed-media-types: 1 entries have Docker's media types, 1 OCI's"}},
		{"Docker's images in OCI's index", []string{"linux/amd64 docker"}, false, []string{"warning mixed-media-types: the OCI index has images with Docker's media types"}},
		{"another media type than the child's", []string{"linux/amd64 wrong-type"}, false, []string{"error wrong-media-type: ", "warning mixed-media-types: "}},
		{"another size than the child's", []string{"linux/amd64 wrong-size"}, false, []string{"error wrong-size: "}},
		{"an index in an index", []string{"linux/amd64", "none of linux/arm64 nested"}, false, []string{"error nested-index: "}},
		{"a chart", []string{"linux/amd64", "none of linux/amd64 chart"}, false, []string{"warning artifact: "}},
		{"a missing image", []string{"linux/amd64", "linux/arm64 missing"}, false, []string{"error missing-child: missing image sha256:"}},
		{"an image that an archive leaves out", []string{"linux/amd64", "linux/arm64 missing"}, true, []string{"note left-out-child: the archive does not have the image sha256:"}},
		{"a config that cannot be read", []string{"linux/amd64 broken"}, false, []string{"error unreadable-child: "}},
		{"no platform", []string{"none of linux/arm64"}, false, []string{"error missing-platform: "}},
		{"no platform of a missing image", []string{"linux/amd64", "none of linux/arm64 missing"}, false, []string{"error missing-child: ", "error missing-platform: entry D states no platform$"}},
		{"no platform anywhere", []string{"none of linux/arm64 silent"}, false, []string{"error missing-platform: "}},
		{"the platform is in the entry alone", []string{"linux/arm64 silent"}, false, []string{}},
		{"an unknown architecture", []string{"linux/amd65"}, false, []string{"warning unknown-platform: "}},
		{"another spelling", []string{"linux/x86_64 of linux/amd64"}, false, []string{"warning platform-spelling: "}},
		{"no os.version in the entry", []string{"windows/amd64:10.0.20348.4294 no-os-version"}, false, []string{"error missing-os-version: "}},
		{"no os.version at all", []string{"windows/amd64"}, false, []string{"error missing-os-version: "}},
		{"no os.version of a missing image", []string{"windows/amd64 missing"}, false, []string{"error missing-child: ", "error missing-os-version: entry D for Windows states no os.version$"}},
		{"an os.version of three numbers", []string{"windows/amd64:10.0.20348 of windows/amd64:10.0.20348.4294"}, false, []string{"error invalid-os-version: "}},
		{"another os.version in the config", []string{"windows/amd64:10.0.20348.1 of windows/amd64:10.0.17763.1"}, false, []string{"error contradicting-os-version: "}},
		{"no os.version in the config", []string{"windows/amd64:10.0.20348.1 of windows/amd64"}, false, []string{"error contradicting-os-version: "}},
		{"another system in the config", []string{"linux/amd64 of freebsd/amd64"}, false, []string{"error contradicting-os: "}},
		{"another architecture in the config", []string{"linux/amd64 of linux/arm64"}, false, []string{"warning contradicting-architecture: "}},
		{"another variant in the config", []string{"linux/arm of linux/arm/v6"}, false, []string{"warning contradicting-architecture: "}},
		{"no variant", []string{"linux/arm of linux/arm"}, false, []string{"note missing-variant: "}},
		{"an os.feature in the config alone", []string{"windows/amd64:10.0.20348.1 of windows/amd64:10.0.20348.1+win32k"}, false, []string{"warning missing-os-features: "}},
		{"an entry twice", []string{"linux/amd64", "linux/amd64 again"}, false, []string{"warning duplicate-entry: "}},
		{"two images for one platform", []string{"linux/arm64", "linux/arm64/v8"}, false, []string{"error duplicate-platform: "}},
		{"two revisions of Windows", []string{"windows/amd64:10.0.20348.2", "windows/amd64:10.0.20348.1"}, false, []string{"warning duplicate-build: "}},
		{"an older Windows first", []string{"windows/amd64:10.0.17763.1", "windows/amd64:10.0.20348.1", "windows/amd64:10.0.26100.1"}, false,
			[]string{"error windows-order: nodes with Windows 10.0.26100 take 10.0.20348.1"}},
		{"any Windows first", []string{"windows/amd64:10.0.17763.1 no-os-version", "windows/amd64:10.0.20348.1"}, false,
			[]string{"error missing-os-version: ", "error windows-order: nodes with Windows 10.0.20348, 10.0.25398, 10.0.26100 take an image without os.version"}},
		{"a higher variant first", []string{"linux/arm/v7", "linux/arm/v6"}, false, []string{"warning variant-order: "}},
		{"a variant that nodes lack", []string{"linux/amd64/v3", "linux/386"}, false, []string{"warning other-architecture: nodes with linux/amd64 take linux/386"}},
		{"an attestation of nothing here", []string{"linux/amd64", "unknown/unknown attests other"}, false, []string{"warning attestation-without-image: "}},
		{"an attestation without a platform", []string{"linux/amd64", "none of linux/arm64 attests"}, false, []string{"error attestation-platform: attestation D states no platform$"}},
		{"an attestation for a node", []string{"linux/amd64", "linux/arm64 attests"}, false, []string{"error attestation-platform: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw, in := makeIndex(t, c.entries...)
			check(t, raw, in, Options{Partial: c.partial}, c.want)
		})
		for _, text := range c.want {
			rule, _, _ := strings.Cut(strings.Fields(text)[1], ":")
			seen[rule] = true
		}
	}
	for name := range rules {
		if !seen[name] && name != missingMediaType && name != attestationSubject {
			t.Errorf("no case breaks the rule %s", name)
		}
	}
}

func TestIndexWithoutMediaType(t *testing.T) {
	raw, in := makeIndex(t, "linux/amd64")
	raw = []byte(strings.Replace(string(raw), `"mediaType":"`+string(types.OCIImageIndex)+`",`, "", 1))
	check(t, raw, in, Options{}, []string{"note missing-media-type: "})
}

// The subject of an attestation is in its manifest and in the index.
func TestAttestationsOfTwoImages(t *testing.T) {
	index := imagetest.Attest(t, imagetest.Index(t, imagetest.Image(t, "linux/amd64"), imagetest.Image(t, "linux/arm64")), imagetest.AttestationArtifact)
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	m = m.DeepCopy()
	m.Manifests[2].Annotations["vnd.docker.reference.digest"] = m.Manifests[1].Digest.String()
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	check(t, raw, index, Options{}, []string{"error attestation-subject: "})
}

// A hostile index lists one image thousands of times, or thousands of versions of Windows.
func TestEachChildIsReadOnce(t *testing.T) {
	raw, in := makeIndex(t, "linux/amd64")
	m, err := v1.ParseIndexManifest(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	d := m.Manifests[0]
	m.Manifests = nil
	for i := range 20000 {
		d.Platform = &v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: fmt.Sprintf("10.0.%d.1", i)}
		m.Manifests = append(m.Manifests, d)
	}
	if raw, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	counted := &countedReads{Manifests: in}
	if _, err := Index(t.Context(), raw, counted, Options{}); err != nil || counted.n != 1 {
		t.Errorf("%d reads (%v), want 1", counted.n, err)
	}
}

// A hostile index lists thousands of architectures.
func TestManyArchitectures(t *testing.T) {
	raw, in := makeIndex(t, "linux/amd64")
	m, err := v1.ParseIndexManifest(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	d := m.Manifests[0]
	for i := range 30000 {
		d.Platform = &v1.Platform{OS: "linux", Architecture: fmt.Sprintf("arch%d", i)}
		m.Manifests = append(m.Manifests, d)
	}
	if raw, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	all, err := Index(t.Context(), raw, in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if unknown := slices.DeleteFunc(all, func(f Finding) bool { return f.Rule != unknownPlatform }); len(unknown) != 30000 {
		t.Errorf("%d findings of %s", len(unknown), unknownPlatform)
	}
}

type countedReads struct {
	images.Manifests
	n int
}

func (c *countedReads) Image(h v1.Hash) (v1.Image, error) {
	c.n++
	return c.Manifests.Image(h)
}

func TestNotAnIndex(t *testing.T) {
	if _, err := Index(t.Context(), []byte("{"), contents{}, Options{}); err == nil || !strings.Contains(err.Error(), "reading index") {
		t.Errorf("error %v", err)
	}
	if !errors.Is(images.Absentf("x"), fs.ErrNotExist) {
		t.Error("missing content is not fs.ErrNotExist")
	}
}

// docs/indexes.md lists every rule with its severity.
func TestRulesAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "indexes.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		r := rules[name]
		if row := fmt.Sprintf("| `%s` | %s |", name, r.severity); !strings.Contains(string(page), row) {
			t.Errorf("docs/indexes.md has no row %s", row)
		}
	}
}
