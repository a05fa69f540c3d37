package workbench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/imagetest"
)

// writeUnnamed writes an OCI layout of images without names.
func writeUnnamed(t *testing.T, images ...v1.Image) string {
	t.Helper()
	dir := t.TempDir()
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range images {
		if err := l.AppendImage(image); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// saveUnnamed writes the output of docker save ID: images without names.
func saveUnnamed(t *testing.T, images ...v1.Image) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "saved.tar")
	var members []imagetest.Entry
	var entries []map[string]any
	for i, image := range images {
		config, err := image.RawConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		entry := map[string]any{"Config": fmt.Sprintf("%d.json", i), "RepoTags": nil}
		members = append(members, entryOf(fmt.Sprintf("%d.json", i), config))
		layers, err := image.Layers()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for j, l := range layers {
			r, err := l.Uncompressed()
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, fmt.Sprintf("%d-%d.tar", i, j))
			members = append(members, entryOf(names[j], content))
		}
		entry["Layers"] = names
		entries = append(entries, entry)
	}
	raw, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	members = append(members, entryOf("manifest.json", raw))
	if err := os.WriteFile(path, imagetest.Tar(t, members...), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// If a source has no full name, the user's reference names a single image. The advice in errors
// works.
func TestSourcesWithoutNames(t *testing.T) {
	one := imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 1000))
	two := imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 2, 1000))
	digest, err := one.Digest()
	if err != nil {
		t.Fatal(err)
	}
	id, err := one.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	saved, several := saveUnnamed(t, one), saveUnnamed(t, one, two)
	unnamed := imagetest.WriteLayout(t, map[string]v1.Image{"": one})
	tagged := imagetest.WriteLayout(t, map[string]v1.Image{"v1": one})
	tags := imagetest.WriteLayout(t, map[string]v1.Image{"v1": one, "v2": two, "": imagetest.Chart(t)})
	full := imagetest.WriteLayout(t, map[string]v1.Image{"example.com/acme/one:v1": one})
	chartsBeside := imagetest.WriteLayout(t, map[string]v1.Image{"example.com/acme/one:v1": one, "example.com/acme/chart:v1": imagetest.Chart(t)})
	unnamedBeside := imagetest.WriteLayout(t, map[string]v1.Image{"": one, "example.com/acme/chart:v1": imagetest.Chart(t)})
	besideChart := tarOf(t, chartsBeside)
	severalOCI := tarOf(t, imagetest.WriteLayout(t, map[string]v1.Image{"v1": one, "v2": two, "example.com/acme/chart:v1": imagetest.Chart(t)}))
	severalUnnamed := writeUnnamed(t, one, two)
	gone := "sha256:" + strings.Repeat("0", 64)
	for _, c := range []struct {
		ref, want string // a qualified name, or part of the error
	}{
		{"docker-archive:" + saved, "name it: docker-archive:" + saved + ":REGISTRY/REPOSITORY:TAG"},
		{"docker-archive:" + saved + ":example.com/acme/one:v1", "example.com/acme/one:v1"},
		{"docker-archive:" + saved + ":acme/one:v1", "docker.io/acme/one:v1"},
		{"docker-archive:" + several, "by digest, docker-archive:" + several + "@DIGEST"},
		{"docker-archive:" + several + ":acme/one:v1", "has no image acme/one:v1; to name one of those without a name, select it by digest"},
		{"docker-archive:" + several + "@" + id.String(), "name it: docker-archive:" + several + ":REGISTRY/REPOSITORY:TAG@" + id.String()},
		{"docker-archive:" + several + ":acme/one:v1@" + id.String(), "docker.io/acme/one:v1"},
		{"docker-archive:" + several + ":acme/one@" + id.String(), "has no fully qualified name"}, // an ID does not pin anything
		{"docker-archive:" + several + "@" + gone, "has no image with the digest " + gone},
		{"docker-archive:" + several + "@sha256:12", "want sha256: and 64"},
		{"docker-archive:" + severalOCI, "by digest"},
		{"docker-archive:" + severalOCI + ":v1", "name it: docker-archive:" + severalOCI + ":REGISTRY/REPOSITORY:v1"},
		{"docker-archive:" + severalOCI + ":acme/one:v1", "docker.io/acme/one:v1"},
		{"docker-archive:" + severalOCI + ":acme/one:v7@" + digest.String(), "docker.io/acme/one:v7"},
		{"docker-archive:" + severalOCI + ":acme/one@" + digest.String(), "docker.io/acme/one:" + strings.Replace(digest.String(), ":", "-", 1)},
		{"docker-archive:" + severalOCI + ":example.com/acme/chart:v1", "example.com/acme/chart:v1 is not an image but a Helm chart"},
		{"docker-archive:" + besideChart, "example.com/acme/one:v1"},
		{"docker-archive:" + besideChart + "@" + digest.String(), "example.com/acme/one:v1"},
		{"docker-archive:" + besideChart + ":acme/one:v7@" + digest.String(), "docker.io/acme/one:v7"},
		{"oci:" + unnamed, "name it: oci:" + unnamed + ":REGISTRY/REPOSITORY:TAG"},
		{"oci:" + unnamed + ":example.com/acme/one:v7", "example.com/acme/one:v7"},
		{"oci:" + unnamed + "@" + digest.String(), "name it: oci:" + unnamed + ":REGISTRY/REPOSITORY:TAG@" + digest.String()},
		{"oci:" + unnamed + ":example.com/acme/one:v7@" + digest.String(), "example.com/acme/one:v7"},
		{"oci:" + tagged + ":v1", "name it: oci:" + tagged + ":REGISTRY/REPOSITORY:v1"},
		{"oci-layout://" + tagged + ":v1", "name it: oci:" + tagged + ":REGISTRY/REPOSITORY:v1"},
		{"oci:" + tagged + ":example.com/acme/one:v1", "example.com/acme/one:v1"},
		{"oci:" + tags, "by digest, oci:" + tags + "@DIGEST"},
		{"oci:" + severalUnnamed + ":acme/one:v1", "select it by digest: oci:" + severalUnnamed + ":acme/one:v1@DIGEST"},
		{"oci:" + severalUnnamed + ":acme/one:v1@" + digest.String(), "docker.io/acme/one:v1"},
		{"oci:" + severalUnnamed + ":acme/one@" + digest.String(), "docker.io/acme/one:" + strings.Replace(digest.String(), ":", "-", 1)},
		{"oci:" + severalUnnamed + "@sha256:12", "want sha256: and 64"},
		{"oci:" + chartsBeside, "example.com/acme/one:v1"},
		{"oci:" + chartsBeside + ":v1", "example.com/acme/one:v1"},
		{"oci:" + chartsBeside + ":example.com/acme/chart:v1", "not an image but a Helm chart"},
		{"oci:" + chartsBeside + ":acme/one:v7@" + digest.String(), "docker.io/acme/one:v7"},
		{"oci:" + unnamedBeside + ":acme/one:v1", "docker.io/acme/one:v1"},
		{"oci:" + tags + ":example.com/acme/one:v1", "example.com/acme/one:v1"},
		{"oci:" + tags + ":example.com/acme/one:v3", "no image \"example.com/acme/one:v3\""},
		{"oci:" + full, "example.com/acme/one:v1"},
		{"oci:" + full + ":v1", "example.com/acme/one:v1"},
		{"oci:" + full + ":example.com/acme/other:v1", "no image \"example.com/acme/other:v1\""},
	} {
		w := newWorkbench(t)
		out := filepath.Join(t.TempDir(), "out.tar")
		_, err := w.Pack(t.Context(), PackJob{Images: []PackSource{{Ref: c.ref}}, Outputs: []string{out}})
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v; want %q", c.ref, err, c.want)
			}
			continue
		}
		a, err := airgap.Open(t.Context(), out)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		list, err := a.Images(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != 1 || len(list[0].Names) != 1 || list[0].Names[0] != c.want || list[0].ID != id {
			t.Errorf("%s: packed %v of %s; want %q of %s", c.ref, list[0].Names, list[0].ID, c.want, id)
		}
	}
}

func entryOf(name string, content []byte) imagetest.Entry {
	e := imagetest.Entry{Body: string(content)}
	e.Name = name
	return e
}
