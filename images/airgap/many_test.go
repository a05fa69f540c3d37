package airgap

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/images/imagetest"
)

// manyImages are images with configs of 6 kB, a layer that all share, and one of their
// own.
func manyImages(t testing.TB, count int) []Image {
	t.Helper()
	base := imagetest.Layer(t, imagetest.Files{"base": strings.Repeat("b", 4096)})
	all := make([]Image, count)
	for i := range all {
		img, err := mutate.Config(imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{"n": fmt.Sprint(i)})),
			v1.Config{Labels: map[string]string{"of": words(i, 6000)}})
		if err != nil {
			t.Fatal(err)
		}
		all[i] = Image{Names: []name.Reference{ref(t, fmt.Sprintf("many/i%04d:v1", i))}, Image: img}
	}
	return all
}

// What is asked of an archive takes time in proportion to its images.
func BenchmarkManyImages(b *testing.B) {
	for _, count := range []int{500, 2000, 5000} {
		content, all := newStore(b), manyImages(b, count)
		path := filepath.Join(b.TempDir(), "a.tar.zst")
		write := func(b *testing.B) { packOne(b, content, path, all...) }
		write(b)
		last := all[count-1].Names[0]
		for what, do := range map[string]func(b *testing.B){
			"pack": write,
			"list": func(b *testing.B) {
				a, err := Open(b.Context(), path)
				if err != nil {
					b.Fatal(err)
				}
				defer a.Close()
				if found, err := a.Images(b.Context()); err != nil || len(found) != count {
					b.Fatalf("%d images: %v", len(found), err)
				}
			},
			"find": func(b *testing.B) {
				found, err := Find(b.Context(), last, nil, []string{path})
				if err != nil {
					b.Fatal(err)
				}
				found.Close()
			},
			"verify": func(b *testing.B) { mustVerify(b, path, VerifyOptions{}) },
		} {
			b.Run(fmt.Sprintf("%s/%d", what, count), func(b *testing.B) {
				for b.Loop() {
					do(b)
				}
			})
		}
	}
}
