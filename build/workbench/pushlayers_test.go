package workbench

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// tarOf writes an archive of all files of an OCI layout.
func tarOf(t *testing.T, dir string) string {
	t.Helper()
	var members []imagetest.Entry
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		members = append(members, entryOf(filepath.ToSlash(name), content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "layout.tar")
	if err := os.WriteFile(file, imagetest.Tar(t, members...), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// An archive of another program may have a gzip layer with the media type of an uncompressed one.
// Nodes cannot unpack such a layer, so a push changes it to gzip, with a warning. A diff ID that
// differs from the content is an error, and does not affect layers of other archives.
func TestPushOfGzipLayersWithAnUncompressedMediaType(t *testing.T) {
	honest := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/app": "app"}))
	layers, err := honest.Layers()
	if err != nil {
		t.Fatal(err)
	}
	config, err := honest.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	lying := func(blob []byte, config []byte) string {
		digest, size, err := v1.SHA256(bytes.NewReader(blob))
		if err != nil {
			t.Fatal(err)
		}
		image, err := images.Compose(images.Format{}, config, []images.DescribedLayer{{Layer: static.NewLayer(blob, types.OCIUncompressedLayer),
			Descriptor: v1.Descriptor{MediaType: types.OCIUncompressedLayer, Digest: digest, Size: size}}})
		if err != nil {
			t.Fatal(err)
		}
		return tarOf(t, imagetest.WriteLayout(t, map[string]v1.Image{"example.com/acme/app:v1": image}))
	}
	r, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	gzipped, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	w, registry := newWorkbench(t), imagetest.Registry(t)
	other, err := imagetest.Layer(t, imagetest.Files{"bin/app": "other"}).DiffID()
	if err != nil {
		t.Fatal(err)
	}
	diffID, err := layers[0].DiffID()
	if err != nil {
		t.Fatal(err)
	}
	wrong := lying(gzipped, bytes.ReplaceAll(config, []byte(diffID.Hex), []byte(other.Hex)))
	if _, err := w.PushArchives(t.Context(), PushJob{Archives: []string{wrong}, Target: registry}); err == nil || !strings.Contains(err.Error(), "diff ID") {
		t.Errorf("a wrong diff ID: %v", err)
	}
	right := packedImages(t, "", []string{"example.com/acme/other:v1 linux/amd64 other"})
	if _, err := w.PushArchives(t.Context(), PushJob{Archives: []string{right[0].Archive().Path()}, Target: registry}); err != nil {
		t.Fatal(err)
	}
	checkPulled(t, registry+"/acme/other:v1")
	for i := range 2 { // the second time from the cache
		sink := said{make(chan string, 10)}
		pushed, err := w.PushArchives(progress.With(t.Context(), sink), PushJob{Archives: []string{lying(gzipped, config)}, Target: fmt.Sprintf("%s/%d", registry, i)})
		if err != nil {
			t.Fatal(err)
		}
		if len(sink.warnings) != 1 || !strings.Contains(<-sink.warnings, "changes the digest") {
			t.Error("missing warning about another digest")
		}
		m, err := checkPulled(t, pushed[0].Ref).Manifest()
		if err != nil {
			t.Fatal(err)
		}
		if m.Layers[0].MediaType != types.OCILayer {
			t.Errorf("the media type of the pushed layer is %s", m.Layers[0].MediaType)
		}
	}
}

// checkPulled pulls an image, and compares all its layers with digests and diff IDs.
func checkPulled(t *testing.T, ref string) v1.Image {
	t.Helper()
	image, err := crane.Pull(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(image); err != nil {
		t.Errorf("%s: %v", ref, err)
	}
	return image
}
