package workbench

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

// packedImages writes an archive for each of lists, whose elements are NAME PLATFORM CONTENT, and
// returns the images of all archives.
func packedImages(t *testing.T, layers string, lists ...[]string) []*airgap.PackedImage {
	t.Helper()
	content, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { content.Close() })
	var all []*airgap.PackedImage
	for _, list := range lists {
		var packed []pack.Image
		for _, text := range list {
			words := strings.Fields(text)
			ref, err := images.ParseReference(words[0])
			if err != nil {
				t.Fatal(err)
			}
			packed = append(packed, pack.Image{Names: []name.Reference{ref},
				Image: imagetest.Image(t, words[1], imagetest.Layer(t, imagetest.Files{"bin/app": words[2]}))})
		}
		file := filepath.Join(t.TempDir(), "a.tar")
		if _, err := pack.Write(t.Context(), content, packed, []pack.Output{{Path: file}}, pack.Options{Layers: images.ArchiveLayers(layers)}); err != nil {
			t.Fatal(err)
		}
		a, err := airgap.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		found, err := a.Images(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

func TestPlanPush(t *testing.T) {
	for _, c := range []struct {
		name         string
		archives     [][]string
		keepRegistry bool
		want         map[string]string // tag below the target -> platforms
		wrong        []string
	}{
		{
			name:     "names without their registry",
			archives: [][]string{{"busybox:1 linux/amd64 a", "quay.io/x/y:v1 linux/amd64 b", "localhost:5000/zz:v1 linux/amd64 c"}},
			want:     map[string]string{"library/busybox:1": "linux/amd64", "x/y:v1": "linux/amd64", "zz:v1": "linux/amd64"},
		},
		{
			name:     "two registries, two images for one platform",
			archives: [][]string{{"docker.io/x/y:v1 linux/amd64 a", "quay.io/x/y:v1 linux/amd64 b", "quay.io/x/z:v1 linux/amd64 c"}},
			wrong:    []string{"reg:5000/m/x/y:v1", "linux/amd64", "docker.io/x/y:v1", "quay.io/x/y:v1", "--keep-registry"},
		},
		{
			name:     "each such name is reported",
			archives: [][]string{{"docker.io/x/y:v1 linux/amd64 a", "docker.io/x/z:v1 linux/amd64 a"}, {"quay.io/x/y:v1 linux/amd64 b", "quay.io/x/z:v1 linux/amd64 b"}},
			wrong:    []string{"x/y:v1 would be", "x/z:v1 would be"},
		},
		{
			name:         "the registry is kept",
			keepRegistry: true,
			archives: [][]string{{"docker.io/x/y:v1 linux/amd64 a", "quay.io/x/y:v1 linux/amd64 b", "localhost:5000/x/y:v1 linux/amd64 c",
				"REG.example.com/x/y:v1 linux/amd64 d", "[::1]:5000/x/y:v1 linux/amd64 e"}},
			want: map[string]string{"docker.io/x/y:v1": "linux/amd64", "quay.io/x/y:v1": "linux/amd64", "localhost-5000/x/y:v1": "linux/amd64",
				"reg.example.com/x/y:v1": "linux/amd64", "1-5000/x/y:v1": "linux/amd64"},
		},
		{
			name:         "hosts that cannot be told apart as a path",
			keepRegistry: true,
			archives:     [][]string{{"a.example:5000/x/y:v1 linux/amd64 a", "a.example-5000/x/y:v1 linux/amd64 b"}},
			wrong:        []string{"a.example:5000/x/y:v1", "a.example-5000/x/y:v1", "to another prefix"},
		},
		{
			name:     "one name in two archives, two images for one platform",
			archives: [][]string{{"x/y:v1 linux/amd64 a"}, {"x/y:v1 linux/amd64 b"}},
			wrong:    []string{"docker.io/x/y:v1", "a.tar", "push one of them alone"},
		},
		{
			name: "platforms of several registries and archives",
			archives: [][]string{{"docker.io/x/y:v1 linux/amd64 a"}, {"quay.io/x/y:v1 linux/arm64 a"},
				{"x/y:v1 windows/amd64:10.0.17763.7919 a"}, {"x/y:v1 windows/amd64:10.0.20348.4294 a"}},
			want: map[string]string{"x/y:v1": "linux/amd64 linux/arm64 windows/amd64:10.0.17763.7919 windows/amd64:10.0.20348.4294"},
		},
		{
			name:     "two spellings of one platform",
			archives: [][]string{{"docker.io/x/y:v1 linux/arm64 a"}, {"quay.io/x/y:v1 linux/arm64/v8 b"}},
			wrong:    []string{"would be two images for linux/arm64"},
		},
		{
			name:     "one image under two names and in two archives",
			archives: [][]string{{"docker.io/x/y:v1 linux/amd64 a", "quay.io/x/y:v1 linux/amd64 a"}, {"quay.io/x/y:v1 linux/amd64 a"}},
			want:     map[string]string{"x/y:v1": "linux/amd64"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			targets, err := planPush(t.Context(), "reg:5000/m", c.keepRegistry, packedImages(t, "", c.archives...))
			if len(c.wrong) > 0 {
				for _, want := range c.wrong {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("%q is not in the error: %v", want, err)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, target := range targets {
				var platforms []string
				for _, s := range target.sources {
					platforms = append(platforms, images.FormatPlatform(s.image.Platform))
				}
				got[strings.TrimPrefix(target.tag.String(), "reg:5000/m/")] = strings.Join(platforms, " ")
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("other targets (-want +got):\n%s", diff)
			}
		})
	}
}

// If two archives have the same image, a push uses the form whose digest does not change.
func TestPlanPushPrefersOriginalLayers(t *testing.T) {
	plain := packedImages(t, "uncompressed", []string{"x/y:v1 linux/amd64 a"})[0]
	original := packedImages(t, "original", []string{"x/y:v1 linux/amd64 a"})[0]
	for _, order := range [][]*airgap.PackedImage{{plain, original}, {original, plain}} {
		targets, err := planPush(t.Context(), "reg:5000", false, order)
		if err != nil {
			t.Fatal(err)
		}
		if got := targets[0].sources[0].image; len(targets[0].sources) != 1 || got != original {
			t.Errorf("the target has %d images, the first with the manifest %s, want %s", len(targets[0].sources), got.Manifest.Digest, original.Manifest.Digest)
		}
	}
}

func TestPushSendsNothingIfTwoImagesGetOneName(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	w, err := Open(Options{Cache: t.TempDir(), Jobs: 2, Getenv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	packed := packedImages(t, "", []string{"docker.io/x/y:v1 linux/amd64 a", "quay.io/x/y:v1 linux/amd64 b"}, []string{"x/other:v1 linux/amd64 a"})
	job := PushJob{Archives: []string{packed[0].Archive().Path(), packed[2].Archive().Path()}, Target: strings.TrimPrefix(server.URL, "http://")}
	if _, err := w.PushArchives(t.Context(), job); err == nil || requests > 0 {
		t.Errorf("%d requests, error %v", requests, err)
	}
}
