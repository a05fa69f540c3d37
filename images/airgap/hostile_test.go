package airgap_test

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/images/imagetest"
)

// hostileArchive is a tar with an OCI view. add adds a blob and returns its descriptor.
type hostileArchive struct {
	t       *testing.T
	members []imagetest.Entry
}

func (h *hostileArchive) file(name string, content []byte) {
	h.members = append(h.members, imagetest.Entry{Header: tar.Header{Name: name}, Body: string(content)})
}

func (h *hostileArchive) add(mediaType types.MediaType, value any) v1.Descriptor {
	h.t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		h.t.Fatal(err)
	}
	d := v1.Descriptor{MediaType: mediaType, Size: int64(len(raw)), Digest: v1.Hash{Algorithm: "sha256", Hex: airgaptest.HexDigest(raw)}}
	h.file(format.BlobName(d.Digest), raw)
	return d
}

// image adds an image without layers.
func (h *hostileArchive) image(label string) v1.Descriptor {
	config := h.add(types.OCIConfigJSON, map[string]any{"os": "linux", "architecture": "amd64", "label": label, "rootfs": map[string]any{"type": "layers", "diff_ids": []string{}}})
	return h.add(types.OCIManifestSchema1, v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config, Layers: []v1.Descriptor{}})
}

func (h *hostileArchive) write(index []v1.Descriptor) string {
	h.t.Helper()
	raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, Manifests: index})
	if err != nil {
		h.t.Fatal(err)
	}
	h.file(format.OCILayout, []byte(`{"imageLayoutVersion": "1.0.0"}`))
	h.file(format.IndexJSON, raw)
	path := filepath.Join(h.t.TempDir(), "a.tar")
	if err := os.WriteFile(path, imagetest.Tar(h.t, h.members...), 0o644); err != nil {
		h.t.Fatal(err)
	}
	return path
}

func named(d v1.Descriptor, name string) v1.Descriptor {
	d.Annotations = map[string]string{images.ContainerdNameAnnotation: name}
	return d
}

// Readers of a small archive must not use memory or time in proportion to the product of its parts.
func TestHostileIndexesAreBounded(t *testing.T) {
	const many = 520 // its square is over the limit
	for what, c := range map[string]struct {
		index func(h *hostileArchive) []v1.Descriptor
		want  string // part of the error; empty if the archive can be read
	}{
		"many names for many images": {func(h *hostileArchive) (list []v1.Descriptor) {
			inner := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
			for i := range many {
				inner.Manifests = append(inner.Manifests, h.image(fmt.Sprint(i)))
			}
			d := h.add(types.OCIImageIndex, inner)
			for i := range many {
				list = append(list, named(d, fmt.Sprintf("docker.io/acme/a:v%d", i)))
			}
			return list
		}, "names and places in indexes"},
		"many indexes of many images": {func(h *hostileArchive) (list []v1.Descriptor) {
			inner := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
			for i := range many {
				inner.Manifests = append(inner.Manifests, h.image(fmt.Sprint(i)))
			}
			for i := range many {
				inner.Annotations = map[string]string{"number": fmt.Sprint(i)}
				list = append(list, h.add(types.OCIImageIndex, inner))
			}
			return list
		}, "names and places in indexes"},
		"many manifests with one large config": {func(h *hostileArchive) (list []v1.Descriptor) {
			config := h.add(types.OCIConfigJSON, map[string]any{"os": "linux", "architecture": "amd64", "label": strings.Repeat("x", 10<<20),
				"rootfs": map[string]any{"type": "layers", "diff_ids": []string{}}})
			for i := range 60 {
				m := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config, Layers: []v1.Descriptor{}}
				m.Annotations = map[string]string{"number": fmt.Sprint(i)}
				list = append(list, named(h.add(types.OCIManifestSchema1, m), fmt.Sprintf("docker.io/acme/a:v%d", i)))
			}
			return list
		}, ""},
		"many names for one image": {func(h *hostileArchive) (list []v1.Descriptor) {
			d := h.image("one")
			for i := range 20_000 {
				list = append(list, named(d, fmt.Sprintf("docker.io/acme/a:v%d", i)))
			}
			return list
		}, ""},
		"a name of a megabyte": {func(h *hostileArchive) []v1.Descriptor {
			return []v1.Descriptor{named(h.image("one"), "docker.io/acme/"+strings.Repeat("a", 1<<20)+":v1")}
		}, ""},
	} {
		t.Run(what, func(t *testing.T) {
			h := &hostileArchive{t: t}
			path := h.write(c.index(h))
			a, err := airgap.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if _, err := a.Images(t.Context()); (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("Images: %.200v, want an error with %q", err, c.want)
			}
			report, err := verify.Archive(t.Context(), path, verify.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if problems := strings.Join(report.Problems, "\n"); c.want != "" && strings.Count(problems, c.want) != 1 {
				t.Errorf("verify: %.500q, want one problem with %q", problems, c.want)
			}
		})
	}
}
