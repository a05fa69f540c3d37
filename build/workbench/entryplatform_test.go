package workbench

import (
	"context"
	"net"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/serve"
	"github.com/slipway-build/slipway/images/imagetest"
)

// Clients use the config of an image that is not in an index. If the platform of an image is only
// in an archive or a layout, every result is therefore an index.
func TestPlatformsMissingInConfigs(t *testing.T) {
	layer := imagetest.Layer(t, imagetest.Files{"bin/app": "arm64"})
	for what, image := range map[string]v1.Image{
		"another":    imagetest.Image(t, "linux/amd64", layer),
		"none":       imagetest.Silent(t, layer),
		"no variant": imagetest.Image(t, "linux/arm", layer),
		"the same":   imagetest.Image(t, "linux/arm64/v8", layer),
	} {
		t.Run(what, func(t *testing.T) {
			platform := "linux/arm64"
			if what == "no variant" {
				platform = "linux/arm/v6"
			}
			checkEntryPlatform(t, image, imagetest.Platform(t, platform), what != "the same")
		})
	}
}

func checkEntryPlatform(t *testing.T, image v1.Image, platform v1.Platform, inIndex bool) {
	w := newWorkbench(t)
	sources := []string{layoutOf(t, "example.com/acme/app:v1", image, platform)}
	for _, layers := range []string{"uncompressed", "original"} {
		file := filepath.Join(t.TempDir(), layers+".tar")
		ref, err := images.ParseReference("example.com/acme/app:v1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pack.Write(t.Context(), w.Cache, []pack.Image{{Names: []name.Reference{ref}, Image: image, Platform: platform}},
			[]pack.Output{{Path: file}}, pack.Options{Layers: images.ArchiveLayers(layers)}); err != nil {
			t.Fatal(err)
		}
		sources = append(sources, "docker-archive:"+file+":example.com/acme/app:v1")

		registry := imagetest.Registry(t)
		pushed, err := w.PushArchives(t.Context(), PushJob{Archives: []string{file}, Target: registry})
		if err != nil {
			t.Fatal(err)
		}
		for how, at := range map[string]string{"pushed": pushed[0].Ref, "served": serveArchive(t, file) + "/acme/app:v1"} {
			checkResolves(t, w, how+" "+layers, at, platform, inIndex)
		}
	}
	for i, source := range sources {
		if _, err := w.Sources.Image(t.Context(), source, platform); err != nil {
			t.Error(err)
		}
		at := imagetest.Registry(t) + "/acme/app:v1"
		if _, err := w.CreateIndex(t.Context(), []string{at}, sources[i:i+1], nil, false); err != nil {
			t.Fatal(err)
		}
		checkResolves(t, w, source, at, platform, true)
	}
}

// checkResolves checks that ref has an image for platform, and whether that is in an index.
func checkResolves(t *testing.T, w *Workbench, how, ref string, platform v1.Platform, inIndex bool) {
	t.Helper()
	found, err := w.Sources.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if (found.Index != nil) != inIndex {
		t.Errorf("%s: it has the media type %s; want an index: %v", how, found.Descriptor.MediaType, inIndex)
	}
	if found.Index != nil {
		m, err := found.Index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Manifests[0].Platform; len(m.Manifests) != 1 || got == nil || !images.SamePlatform(*got, platform) {
			t.Errorf("%s: %d entries, the first for %v", how, len(m.Manifests), got)
		}
	}
	if _, err := found.ImageFor(t.Context(), ref, platform); err != nil {
		t.Errorf("%s: %v", how, err)
	}
}

// layoutOf writes an OCI layout whose index.json has the platform of its image.
func layoutOf(t *testing.T, called string, image v1.Image, platform v1.Platform) string {
	t.Helper()
	dir := imagetest.WriteLayout(t, nil)
	err := layout.Path(dir).AppendImage(image, layout.WithPlatform(platform), layout.WithAnnotations(map[string]string{images.RefNameAnnotation: called}))
	if err != nil {
		t.Fatal(err)
	}
	return "oci:" + dir + ":" + called
}

// serveArchive serves an archive until the end of the test.
func serveArchive(t *testing.T, file string) string {
	t.Helper()
	a, err := airgap.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	server, err := serve.New(ctx, []*airgap.Archive{a}, serve.Options{Dir: t.TempDir(), Limit: 1 << 30, Log: func(string) {}})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}
