package docker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	dockerimage "github.com/docker/docker/api/types/image"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

func TestImageOfTheDaemon(t *testing.T) {
	address := imagetest.Docker(t)
	// Two layers with the same content, which docker save writes once.
	same := imagetest.Layer(t, imagetest.Files{"etc/one": "1"})
	want := imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 7, 200_000), same, imagetest.Layer(t, imagetest.Files{"etc/two": "2"}), same)
	ref := loadIntoDocker(t, address, want)
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	options := Options{Address: address}
	for range 2 { // the second time nothing is read
		got, err := Image(t.Context(), options, s, ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(got); err != nil {
			t.Error(err)
		}
		id, err := got.ConfigName()
		if err != nil {
			t.Fatal(err)
		}
		if wantID, _ := want.ConfigName(); id != wantID {
			t.Errorf("image ID %s, want %s", id, wantID)
		}
		if p, err := images.ConfigPlatform(got); err != nil || images.FormatPlatform(p) != "linux/amd64" {
			t.Errorf("platform %v, %v", p, err)
		}
	}
	if _, err := Image(t.Context(), options, s, "slipway.invalid/none:1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an image that does not exist: %v", err)
	}
	options.Address = "unix:///nowhere/docker.sock"
	if _, err := Image(t.Context(), options, s, ref); err == nil {
		t.Error("an image without an engine")
	}
}

// loadIntoDocker loads an image into the engine, and removes it at the end of the test.
func loadIntoDocker(t *testing.T, address string, image v1.Image) string {
	t.Helper()
	id, err := image.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("slipway.invalid/daemon:" + id.Hex[:12])
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := tarball.Write(tag, image, &archive); err != nil {
		t.Fatal(err)
	}
	client, err := Connect(Options{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	loaded, err := client.api.ImageLoad(t.Context(), &archive)
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(loaded.Body)
	loaded.Body.Close()
	if err != nil || !strings.Contains(string(said), "Loaded image") {
		t.Fatalf("docker load: %v, %s", err, said)
	}
	t.Cleanup(func() {
		_, _ = client.api.ImageRemove(context.WithoutCancel(t.Context()), tag.Name(), dockerimage.RemoveOptions{Force: true})
	})
	return tag.Name()
}
