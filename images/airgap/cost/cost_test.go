package cost

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/delta"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/imagetest"
)

// release returns images of a release: one that is always the same, two that change and share a layer, and one whose name
// depends on the version.
func release(t *testing.T, version int) (all []pack.Image) {
	t.Helper()
	program := func(seed uint64) imagetest.Files {
		body := imagetest.Noise(seed, 300_000)
		body[1000] = byte(version)
		return imagetest.Files{fmt.Sprint("bin/", seed): string(body)}
	}
	base := imagetest.Layer(t, imagetest.Files{"words": imagetest.Words(1, 50_000), "version": fmt.Sprint(version)})
	add := func(ref string, layers ...v1.Layer) {
		all = append(all, pack.Image{Names: []name.Reference{airgaptest.Ref(t, ref)}, Image: imagetest.Image(t, "linux/amd64", layers...)})
	}
	add("acme/same:v1", imagetest.Layer(t, imagetest.Files{"same": imagetest.Words(2, 90_000)}))
	add(fmt.Sprint("acme/a:v", version), base, imagetest.Layer(t, program(1)))
	add(fmt.Sprint("acme/b:v", version), base, imagetest.Layer(t, imagetest.Files{"fixed": imagetest.Words(3, 90_000)}))
	add(fmt.Sprint("acme/only", version, ":v1"), imagetest.Layer(t, program(4)))
	return all
}

func asIs(ctx context.Context, img *airgap.PackedImage) (v1.Image, error) { return img.Image(ctx) }

// The sizes of layers, images and the rest add up to the archive and to the deltas that are written.
func TestSizesAddUp(t *testing.T) {
	content := airgaptest.NewStore(t)
	old := airgaptest.Pack(t, content, release(t, 1), pack.Options{Level: "fastest"})
	new := airgaptest.Pack(t, content, release(t, 2), pack.Options{Level: "fastest"})
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		t.Run(string(codec), func(t *testing.T) {
			from, err := OldArchives(t.Context(), old[codec])
			if err != nil {
				t.Fatal(err)
			}
			u, err := Of(t.Context(), from, new[codec], asIs)
			if err != nil {
				t.Fatal(err)
			}
			want := Sizes{Pull: u.Total.Pull}
			for _, portable := range []bool{false, true} {
				r, err := delta.Write(t.Context(), delta.Olds{Files: []string{old[codec]}}, new[codec], filepath.Join(t.TempDir(), "delta"), delta.Options{Portable: portable})
				if err != nil {
					t.Fatal(err)
				}
				want.Archive = r.New.Size
				if portable {
					want.Portable = r.Size
				} else {
					want.Delta = r.Size
				}
			}
			sum := u.Rest
			status := map[string]string{}
			for _, img := range u.Images {
				status[img.Image] = img.Status + img.Old
				sum = sum.Plus(img.Own)
				for _, l := range img.Layers {
					sum = sum.Plus(l.Sizes)
					// A patch may make headers and padding around a layer that did not change.
					if l.Status != fresh && (l.Delta > 1000 || l.Portable > 1000 || l.Pull != 0) {
						t.Errorf("%s: a layer that is %s has %+v", img.Image, l.Status, l.Sizes)
					}
					if l.Status == fresh && (l.Delta <= 0 || l.Pull <= 0 || l.Archive <= 0) {
						t.Errorf("%s: a layer that is new has %+v", img.Image, l.Sizes)
					}
				}
			}
			if u.Total != want || sum != want {
				t.Errorf("total %+v, sum %+v, want %+v", u.Total, sum, want)
			}
			wanted := map[string]string{"acme/same:v1": "unchanged", "acme/a:v2": "changedacme/a:v1", "acme/b:v2": "changedacme/b:v1", "acme/only2:v1": "added"}
			if fmt.Sprint(status) != fmt.Sprint(wanted) || fmt.Sprint(u.Removed) != "[acme/only1:v1]" {
				t.Errorf("got %v without %v, want %v", status, u.Removed, wanted)
			}
			for i := range u.Images[1:] {
				if u.Images[i].Delta < u.Images[i+1].Delta {
					t.Errorf("image %d is before a larger one", i)
				}
			}
		})
	}
}

// Without an old archive, the new one is carried.
func TestNewArchive(t *testing.T) {
	new := airgaptest.Pack(t, airgaptest.NewStore(t), release(t, 1), pack.Options{Level: "fastest"})[format.Zstd]
	u, err := Of(t.Context(), Old{}, new, asIs)
	if err != nil {
		t.Fatal(err)
	}
	if u.Total.Delta != u.Total.Archive || u.Total.Portable != u.Total.Archive || u.Images[0].Status != added {
		t.Errorf("got %+v", u)
	}
}
