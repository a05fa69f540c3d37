package airgap

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/verify"
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

// Nothing that is done with an archive of many images reads the archive many times. The
// files of other programs have no index of offsets.
func TestManyImagesAreReadOnce(t *testing.T) {
	count, most := 150, int64(3)
	if testing.Short() {
		count = 40
	}
	content, all := newStore(t), manyImages(t, count)
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		ours := filepath.Join(t.TempDir(), map[format.Codec]string{format.Tar: "a.tar", format.Zstd: "a.tar.zst", format.Gzip: "a.tar.gz"}[codec])
		packOne(t, content, ours, all...)
		for whose, path := range map[string]string{"ours": ours, "other": foreign(t, ours, codec)} {
			open := func(t *testing.T) *Archive {
				t.Helper()
				a, err := Open(t.Context(), path)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { a.Close() })
				return a
			}
			for what, read := range map[string]func(t *testing.T) *format.File{
				"list": func(t *testing.T) *format.File {
					a := open(t)
					if list, err := a.Images(t.Context()); err != nil || len(list) != count {
						t.Fatalf("%d images: %v", len(list), err)
					}
					return a.file
				},
				"push": func(t *testing.T) *format.File {
					a := open(t)
					list, err := a.Images(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					for _, packed := range list {
						img, err := packed.Image(t.Context())
						if err == nil {
							err = readWhole(img)
						}
						if err != nil {
							t.Fatal(err)
						}
					}
					return a.file
				},
				"find": func(t *testing.T) *format.File {
					found, err := Find(t.Context(), all[count-1].Names[0], nil, []string{path})
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { found.Close() })
					return found.Image.archive.file
				},
				"serve": func(t *testing.T) *format.File {
					a := open(t)
					address := listen(t, newServer(t, []*Archive{a}, ServeOptions{Dir: t.TempDir(), Limit: 1 << 30, Log: func(line string) { t.Log(line) }}))
					for _, packed := range all {
						img, err := remote.Image(ref(t, address+"/"+packed.Names[0].Context().RepositoryStr()+":v1"), remote.WithContext(t.Context()))
						if err == nil {
							err = readWhole(img)
						}
						if err != nil {
							t.Fatal(err)
						}
					}
					return a.file
				},
			} {
				t.Run(fmt.Sprintf("%s %s %s", whose, codec, what), func(t *testing.T) {
					f := read(t)
					if got := f.BytesRead(); got > most*f.Size() {
						t.Errorf("%d bytes of an archive of %d were read", got, f.Size())
					}
				})
			}
		}
	}
}

// Packing many images again compresses nothing again, and keeps few files in the store.
func TestManyImagesArePackedFromFewFiles(t *testing.T) {
	content, all := newStore(t), manyImages(t, 150)
	path := filepath.Join(t.TempDir(), "a.tar.zst")
	pack := func() Result {
		made, err := Pack(t.Context(), content, all, []Output{{Path: path}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return made[0]
	}
	pack()
	derived := func() map[string]fs.FileInfo {
		found := map[string]fs.FileInfo{}
		err := filepath.WalkDir(filepath.Join(content.Dir(), ".slipway", "derived"), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				found[path], err = d.Info()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	// The frame of layers, and that of configs and manifests.
	before := derived()
	if len(before) != 2 {
		t.Errorf("%d files were kept, want 2", len(before))
	}
	again := pack()
	if again.Cached != again.Frames {
		t.Errorf("%d of %d frames were there", again.Cached, again.Frames)
	}
	after := derived()
	for path, info := range after {
		if old, ok := before[path]; !ok || !os.SameFile(old, info) {
			t.Errorf("%s was made again", path)
		}
	}
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
			"verify": func(b *testing.B) { mustVerify(b, path, verify.Options{}) },
		} {
			b.Run(fmt.Sprintf("%s/%d", what, count), func(b *testing.B) {
				for b.Loop() {
					do(b)
				}
			})
		}
	}
}
