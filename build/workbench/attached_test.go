package workbench

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/carry"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// watch returns a context, and a function that returns the warnings so far, in one text.
func watch(t *testing.T) (context.Context, func() string) {
	sink := said{make(chan string, 100)}
	return progress.With(t.Context(), sink), func() string {
		var text strings.Builder
		for len(sink.warnings) > 0 {
			text.WriteString(<-sink.warnings + "\n")
		}
		return text.String()
	}
}

func wantWords(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q does not contain %q", text, word)
		}
	}
}

// packAttached packs the image that signed has pushed, for a platform.
func packAttached(t *testing.T, ref, platform string, layers images.ArchiveLayers) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app.tar.zst")
	_, err := openFor(t, platform).Pack(t.Context(), PackJob{Images: []PackSource{{Ref: ref}}, Outputs: []string{file}, Layers: layers, Level: images.BestZstd, Proof: true})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// An archive takes along what is attached to its image, and to the index of the image.
func TestPushSendsWhatIsAttached(t *testing.T) {
	var sent atomic.Int64
	source := referrersRegistry(t, &sent)
	index, referrers, cosign := signed(t, source+"/acme/app")
	file := packAttached(t, source+"/acme/app:v1", "linux/amd64", images.OriginalLayers)
	mirror := imagetest.Registry(t)
	lists := func(target string, subject v1.Hash) []carry.Attachment {
		repo, err := name.NewRepository(target)
		if err != nil {
			t.Fatal(err)
		}
		found, err := carry.Find(t.Context(), openForCopy(t).Registry, repo, []v1.Hash{subject}, 2)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	// This registry refuses an index without all of its images. The signature of the image is pushed.
	ctx, said := watch(t)
	pushed, err := openForCopy(t).PushArchives(ctx, PushJob{Archives: []string{file}, Target: mirror})
	if err != nil {
		t.Fatal(err)
	}
	if want := mirror + "/acme/app:" + cosign; len(pushed) != 1 || len(pushed[0].Attached) != 1 || pushed[0].Attached[0] != want {
		t.Errorf("attached %v; want %s", pushed, want)
	}
	wantWords(t, said(), "not pushed", referrers[0].String()+" of "+index.String(), referrers[1].String(), "--layers original")
	// With the archive of its other image, the index is complete.
	windows := packAttached(t, source+"/acme/app:v1", "windows/amd64:10.0.20348.1", images.OriginalLayers)
	ctx, said = watch(t)
	pushed, err = openForCopy(t).PushArchives(ctx, PushJob{Archives: []string{file, windows}, Target: mirror})
	if err != nil || len(pushed[0].Attached) != 3 {
		t.Errorf("%+v, %v", pushed, err)
	}
	if text := said(); text != "" {
		t.Errorf("warnings: %s", text)
	}
	if found := lists(strings.TrimSuffix(pushed[0].Ref, ":v1"), index); len(found) != 2 || found[0].Descriptor.Digest != referrers[0] || found[1].Descriptor.Digest != referrers[1] {
		t.Errorf("at the mirror: %+v", found)
	}
}

// With uncompressed layers, manifests are rewritten, and nothing fits them.
func TestPushSaysWhatDoesNotFit(t *testing.T) {
	var sent atomic.Int64
	source := referrersRegistry(t, &sent)
	_, referrers, cosign := signed(t, source+"/acme/app")
	file := packAttached(t, source+"/acme/app:v1", "linux/amd64", images.UncompressedLayers)
	ctx, said := watch(t)
	pushed, err := openForCopy(t).PushArchives(ctx, PushJob{Archives: []string{file}, Target: imagetest.Registry(t)})
	if err != nil {
		t.Fatal(err)
	}
	if len(pushed[0].Attached) > 0 {
		t.Errorf("attached %v; want nothing", pushed[0].Attached)
	}
	wantWords(t, said(), "acme/app:v1: not pushed", referrers[0].String(), cosign, "--layers original")
}

func TestPackIsTheSameWithWhatIsAttached(t *testing.T) {
	var sent atomic.Int64
	source := referrersRegistry(t, &sent)
	signed(t, source+"/acme/app")
	first, second := packAttached(t, source+"/acme/app:v1", "linux/amd64", images.OriginalLayers), packAttached(t, source+"/acme/app:v1", "linux/amd64", images.OriginalLayers)
	a, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("two archives of one image differ")
	}
}
