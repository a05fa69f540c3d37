package airgap_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/serve"
	"github.com/slipway-build/slipway/images/airgap/servetest"
	"github.com/slipway-build/slipway/images/airgap/verify"
)

// No operation on an archive of many images reads the archive more than once or twice. Files of
// other programs have no index of offsets.
func TestManyImagesAreReadOnce(t *testing.T) {
	count, most := 150, int64(3)
	if testing.Short() {
		count = 40
	}
	content, all := airgaptest.NewStore(t), airgaptest.ManyImages(t, count)
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		ours := filepath.Join(t.TempDir(), map[format.Codec]string{format.Tar: "a.tar", format.Zstd: "a.tar.zst", format.Gzip: "a.tar.gz"}[codec])
		airgaptest.PackOne(t, content, ours, all...)
		for whose, path := range map[string]string{"ours": ours, "other": airgaptest.Foreign(t, ours, codec)} {
			open := func(t *testing.T) *airgap.Archive {
				t.Helper()
				a, err := airgap.Open(t.Context(), path)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { a.Close() })
				return a
			}
			for what, read := range map[string]func(t *testing.T) *airgap.Archive{
				"list": func(t *testing.T) *airgap.Archive {
					a := open(t)
					if list, err := a.Images(t.Context()); err != nil || len(list) != count {
						t.Fatalf("%d images: %v", len(list), err)
					}
					return a
				},
				"push": func(t *testing.T) *airgap.Archive {
					a := open(t)
					list, err := a.Images(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					for _, packed := range list {
						img, err := packed.Image(t.Context())
						if err == nil {
							err = airgaptest.ReadWhole(img)
						}
						if err != nil {
							t.Fatal(err)
						}
					}
					return a
				},
				"find": func(t *testing.T) *airgap.Archive {
					found, err := airgap.Find(t.Context(), all[count-1].Names[0], nil, []string{path})
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { found.Close() })
					return found.Archive
				},
				"serve": func(t *testing.T) *airgap.Archive {
					a := open(t)
					address := servetest.Listen(t, servetest.New(t, []*airgap.Archive{a}, serve.Options{Dir: t.TempDir(), Limit: 1 << 30, Log: func(line string) { t.Log(line) }}))
					for _, packed := range all {
						img, err := remote.Image(airgaptest.Ref(t, address+"/"+packed.Names[0].Context().RepositoryStr()+":v1"), remote.WithContext(t.Context()))
						if err == nil {
							err = airgaptest.ReadWhole(img)
						}
						if err != nil {
							t.Fatal(err)
						}
					}
					return a
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

// Packing many images again compresses nothing, and keeps few files in the store.
func TestManyImagesArePackedFromFewFiles(t *testing.T) {
	content, all := airgaptest.NewStore(t), airgaptest.ManyImages(t, 150)
	path := filepath.Join(t.TempDir(), "a.tar.zst")
	repack := func() pack.Result {
		made, err := pack.Write(t.Context(), content, all, []pack.Output{{Path: path}}, pack.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return made[0]
	}
	repack()
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
	// The frame of layers, and the frame of configs and manifests.
	before := derived()
	if len(before) != 2 {
		t.Errorf("%d files were kept, want 2", len(before))
	}
	again := repack()
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

// BenchmarkManyImages shows that operations on an archive take time in proportion to its images.
func BenchmarkManyImages(b *testing.B) {
	for _, count := range []int{500, 2000, 5000} {
		content, all := airgaptest.NewStore(b), airgaptest.ManyImages(b, count)
		path := filepath.Join(b.TempDir(), "a.tar.zst")
		write := func(b *testing.B) { airgaptest.PackOne(b, content, path, all...) }
		write(b)
		last := all[count-1].Names[0]
		for what, do := range map[string]func(b *testing.B){
			"pack": write,
			"list": func(b *testing.B) {
				a, err := airgap.Open(b.Context(), path)
				if err != nil {
					b.Fatal(err)
				}
				defer a.Close()
				if found, err := a.Images(b.Context()); err != nil || len(found) != count {
					b.Fatalf("%d images: %v", len(found), err)
				}
			},
			"find": func(b *testing.B) {
				found, err := airgap.Find(b.Context(), last, nil, []string{path})
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
