package delta

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/imagetest"
)

// layersOf returns the layers of images, except those in without, and a function that returns the diff IDs that were
// taken. reversed has them in the opposite order.
func layersOf(t testing.TB, all []pack.Image, reversed bool, without ...string) (LayerSource, func() []string) {
	t.Helper()
	var taken []string
	return func(_ context.Context, wanted []FileID, take func(FileID, io.Reader) error) error {
		var layers []v1.Layer
		names := map[v1.Layer]string{}
		for _, img := range all {
			found, err := img.Image.Layers()
			if err != nil {
				return err
			}
			layers = append(layers, found...)
			for _, l := range found {
				names[l] = img.Names[0].String()
			}
		}
		if reversed {
			slices.Reverse(layers)
		}
		for _, l := range layers {
			h, err := l.DiffID()
			if err != nil {
				return err
			}
			is := func(id FileID) bool { return id.SHA256 == h.Hex }
			if slices.Contains(without, h.Hex) || wanted != nil && !slices.ContainsFunc(wanted, is) {
				continue
			}
			r, err := l.Uncompressed()
			if err != nil {
				return err
			}
			taken = append(taken, h.Hex)
			if err := errors.Join(take(FileID{Name: names[l], SHA256: h.Hex}, r), r.Close()); err != nil {
				return err
			}
		}
		return nil
	}, func() []string { return taken }
}

// A delta for layers is as large as one for an archive, and needs only some of the layers. It is applied to them in any
// order.
func TestDeltaOfLayers(t *testing.T) {
	content := airgaptest.NewStore(t)
	opts := pack.Options{Layers: images.UncompressedLayers, Level: images.FastestZstd}
	before, after := patchRelease(t, 1), patchRelease(t, 2)
	unused := imagetest.Layer(t, imagetest.Files{"unused": string(imagetest.Noise(5, 2_000_000))})
	before = append(before, pack.Image{Names: after[0].Names, Image: imagetest.Image(t, "linux/amd64", unused)})
	new := airgaptest.Pack(t, content, after, opts)
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		t.Run(string(codec), func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "delta")
			all, _ := layersOf(t, before, false)
			made, err := Write(t.Context(), Olds{Layers: all}, new[codec], file, Options{})
			if err != nil {
				t.Fatal(err)
			}
			const changed, views, layers = 3 * 1000, 12_000, 7 * 200
			if made.Size > changed+views+layers || versionOf(t, file) != layersVersion {
				t.Errorf("the delta of version %d has %d bytes: %+v", versionOf(t, file), made.Size, made)
			}
			if n := len(made.Old); n != 5 {
				t.Errorf("it needs %d layers: %+v", n, made.Old)
			}
			some, taken := layersOf(t, before, true)
			out := filepath.Join(dir, "new")
			if _, err := Apply(t.Context(), Olds{Layers: some}, file, out, 0); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(read(t, out), read(t, new[codec])) {
				t.Error("Apply made a different file")
			}
			if h, _ := unused.DiffID(); slices.Contains(taken(), h.Hex) {
				t.Error("a layer was read that the delta does not need")
			}
			f, err := format.Open(With(t.Context(), Olds{Layers: some}, filepath.Join(dir, "deltas"), func() {}), file)
			if err != nil {
				t.Fatal(err)
			}
			same, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
			if err := errors.Join(err, f.Close()); err != nil || !bytes.Equal(same, read(t, new[codec])) {
				t.Errorf("the archive that is opened is a different file (%v)", err)
			}
			if left := airgaptest.FilesIn(t, filepath.Join(dir, "deltas")); len(left) > 0 {
				t.Errorf("temporary files remain: %q", left)
			}
			lacking, _ := layersOf(t, before, false, made.Old[1].SHA256)
			none := filepath.Join(dir, "none")
			wants := fmt.Sprintf("layer sha256:%s of %s is missing", made.Old[1].SHA256, made.Old[1].Name)
			for want, olds := range map[string]Olds{
				wants:             {Layers: lacking},
				"none were given": {Files: []string{new[codec]}},
				"is damaged": {Layers: func(_ context.Context, wanted []FileID, take func(FileID, io.Reader) error) error {
					return take(FileID{SHA256: wanted[0].SHA256}, strings.NewReader("other"))
				}},
				"has the SHA-256": {Layers: func(_ context.Context, wanted []FileID, take func(FileID, io.Reader) error) error {
					return take(FileID{SHA256: wanted[0].SHA256}, endless{})
				}},
			} {
				if _, err := Apply(t.Context(), olds, file, none, 0); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want …%s…", err, want)
				}
			}
			if left := airgaptest.FilesIn(t, dir); len(left) != 3 {
				t.Errorf("files remain: %q", left)
			}
		})
	}
}

// sealLayers seals the recipe of a delta for layers.
func sealLayers(recipe, added []byte) []byte {
	b := seal(recipe, added)
	b = b[:len(b)-sha256.Size]
	b[len(deltaMagic)] = layersVersion
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func TestApplyRefusesHostileLayerLists(t *testing.T) {
	raw := imagetest.Noise(1, 1000)
	sum := fmt.Sprintf("%x", sha256.Sum256(raw))
	has := Olds{Layers: func(_ context.Context, _ []FileID, take func(FileID, io.Reader) error) error {
		return take(FileID{SHA256: sum}, bytes.NewReader(raw))
	}}
	id := func(size int64) string { return fmt.Sprintf(`{"name":"old","size":%d,"sha256":"%s"}`, size, sum) }
	for name, c := range map[string]struct{ old, copies, want string }{
		"one in a list":   {"[" + id(1000) + "]", "", "a list of 1 old files"},
		"too many":        {"[" + strings.Repeat(id(1)+",", maxLayers) + id(1) + "]", "", "want 2 to 32768"},
		"a smaller layer": {id(999), `{"old":0,"new":0,"size":999}`, "has 1000 bytes instead of 999"},
		"a larger layer":  {id(1001), `{"old":0,"new":0,"size":1000}`, "has 1000 bytes instead of 1001"},
		"two sizes":       {"[" + id(1000) + "," + id(999) + "]", "", "bytes instead of"},
		"outside":         {id(1000), `{"old":1,"new":0,"size":1000}`, "run 0 of its recipe"},
		"a codec":         {id(1000), `{"old":0,"new":0,"size":1000}],"codec":"tar.zst","sources":[`, "layers have no codec"},
	} {
		dir := t.TempDir()
		b := sealLayers(fmt.Appendf(nil, `{"old":%s,"new":{"name":"x","size":1000,"sha256":"%s"},"copies":[%s]}`, c.old, sum, c.copies), nil)
		if _, err := Apply(t.Context(), has, write(t, b), filepath.Join(dir, "new"), 0); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want …%s…", name, err, c.want)
		}
		if left := airgaptest.FilesIn(t, dir); len(left) > 0 {
			t.Errorf("%s: %q remains", name, left)
		}
	}
	twice := sealLayers(fmt.Appendf(nil, `{"old":[%s,%s],"new":{"name":"x","size":1000,"sha256":"%s"},"copies":[{"old":1000,"new":0,"size":1000}]}`, id(1000), id(1000), sum), nil)
	if _, err := Apply(t.Context(), has, write(t, twice), filepath.Join(t.TempDir(), "new"), 0); err != nil {
		t.Errorf("a valid delta is refused: %v", err)
	}
}

// endless has no end.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// A delta of layers that have nothing in common with the archive is refused, as is one that could only contain it.
func TestDeltasOfLayersThatAreRefused(t *testing.T) {
	content := airgaptest.NewStore(t)
	new := airgaptest.Pack(t, content, release(t, 1, 100_000), pack.Options{Level: images.FastestZstd})
	other, _ := layersOf(t, []pack.Image{{Names: release(t, 2, 10)[0].Names, Image: imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"a": string(imagetest.Noise(77, 50_000))}))}}, false)
	same, _ := layersOf(t, release(t, 1, 100_000), false)
	over := write(t, []byte("OLD"))
	for want, try := range map[string]struct {
		olds Olds
		new  string
		opts Options
	}{
		"has nothing in common":      {Olds{Layers: other}, new[format.Zstd], Options{}},
		"or leave out --portable":    {Olds{Layers: same}, new[format.Zstd], Options{Portable: true}},
		"would overwrite":            {Olds{Files: []string{over}, Layers: same}, new[format.Tar], Options{}},
		"has nothing in common with": {Olds{Layers: other}, new[format.Tar], Options{Portable: true}},
	} {
		if _, err := Write(t.Context(), try.olds, try.new, over, try.opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
	if _, err := Write(t.Context(), Olds{Layers: same}, new[format.Tar], filepath.Join(t.TempDir(), "delta"), Options{Portable: true}); err != nil {
		t.Error(err)
	}
}
