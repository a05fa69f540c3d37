package slice_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/slice"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/imagetest"
)

var fastest = pack.Options{Level: images.FastestZstd}

// mixed returns images of all forms: with related layers, which share frames, with tiny ones, and with indexes.
func mixed(t *testing.T) []pack.Image {
	all := slices.Concat(related(t, 4), airgaptest.GzipImages(t), []pack.Image{airgaptest.Indexed(t, "acme/indexed:v1", true)})
	for i := range 3 {
		all = append(all, airgaptest.Simple(t, fmt.Sprintf("acme/tiny%d:v1", i), "linux/amd64"))
	}
	for i := range all {
		all[i].Own = false
		all[i].Names = all[i].Names[:1]
	}
	return all
}

// related returns images with layers of 1.2 MiB that have half of their bytes in common.
func related(t *testing.T, n int) (all []pack.Image) {
	for i := range n {
		content := slices.Concat(imagetest.Noise(99, 600<<10), imagetest.Noise(uint64(i), 600<<10))
		all = append(all, pack.Image{Names: []name.Reference{airgaptest.Ref(t, fmt.Sprintf("acme/sibling%d:v1", i))},
			Image: imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/program": string(content)}))})
	}
	return all
}

// wanted returns what to slice for some of the images.
func wanted(all []pack.Image) (out []slice.Wanted) {
	for _, img := range all {
		for _, n := range img.Names {
			out = append(out, slice.Wanted{Ref: n})
		}
	}
	return out
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// write writes a slice and returns its path.
func write(t *testing.T, job slice.Job, codec format.Codec) (string, pack.Result) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "slice."+string(codec))
	job.Outputs = []pack.Output{{Path: out}}
	made, err := slice.Write(t.Context(), airgaptest.NewStore(t), job)
	if err != nil {
		t.Fatal(err)
	}
	return out, made[0]
}

// A slice has the bytes of a direct pack of its images, in every codec and form, whichever frames it can copy.
func TestSliceIsADirectPack(t *testing.T) {
	all := mixed(t)
	for _, layers := range []images.ArchiveLayers{images.UncompressedLayers, images.OriginalLayers} {
		opts := pack.Options{Layers: layers, Level: "fastest"}
		whole := airgaptest.Pack(t, airgaptest.NewStore(t), all, opts)
		for what, subset := range map[string][]pack.Image{
			"all":              all,
			"one":              all[2:3],
			"in another order": {all[5], all[0]},
			"half of a group":  {all[1], all[3], all[8]},
			"tiny":             all[7:9],
			"an index":         all[6:7],
		} {
			want := airgaptest.Pack(t, airgaptest.NewStore(t), subset, opts)
			for codec, path := range whole {
				t.Run(fmt.Sprintf("%s/%s/%s", layers, codec, what), func(t *testing.T) {
					got, made := write(t, slice.Job{Archives: []string{path}, Images: wanted(subset), Options: fastest}, codec)
					if !bytes.Equal(read(t, got), read(t, want[codec])) {
						t.Error("the slice differs from a direct pack")
					}
					if all := what == "all" || codec != format.Zstd || layers == images.OriginalLayers; all && made.Cached != made.Frames {
						t.Errorf("%d of %d frames were copied", made.Cached, made.Frames)
					}
				})
			}
		}
	}
}

// At the best level, a frame of several layers consists of segments, which depend on the layers before them.
func TestSliceAtTheBestLevel(t *testing.T) {
	t.Parallel()
	all := airgaptest.Siblings(t, 3, -1)
	whole := filepath.Join(t.TempDir(), "whole.tar.zst")
	want := filepath.Join(t.TempDir(), "want.tar.zst")
	for path, list := range map[string][]pack.Image{whole: all, want: all[1:]} {
		if _, err := pack.Write(t.Context(), airgaptest.NewStore(t), list, []pack.Output{{Path: path}}, pack.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	got, made := write(t, slice.Job{Archives: []string{whole}, Images: wanted(all[1:])}, format.Zstd)
	if !bytes.Equal(read(t, got), read(t, want)) {
		t.Error("the slice differs from a direct pack")
	}
	if made.Frames != 1 || made.Cached != 0 {
		t.Errorf("%d of %d frames were copied", made.Cached, made.Frames)
	}
}

// The codec of a slice need not be that of its archive.
func TestSliceInAnotherCodec(t *testing.T) {
	all := mixed(t)
	whole := airgaptest.Pack(t, airgaptest.NewStore(t), all, fastest)
	want := airgaptest.Pack(t, airgaptest.NewStore(t), all[:2], fastest)
	for from, path := range whole {
		for _, to := range []format.Codec{format.Tar, format.Zstd} {
			got, _ := write(t, slice.Job{Archives: []string{path}, Images: wanted(all[:2]), Options: fastest}, to)
			if !bytes.Equal(read(t, got), read(t, want[to])) {
				t.Errorf("from %s to %s: the slice differs from a direct pack", from, to)
			}
		}
	}
	got, _ := write(t, slice.Job{Archives: []string{whole[format.Zstd]}, Images: wanted(all[:2]), Options: fastest}, format.Gzip)
	if r, err := verify.Archive(t.Context(), got, verify.Options{}); err != nil || len(r.Problems) > 0 {
		t.Errorf("%v %v", err, r)
	}
}

// Archives of other programs have no frames, and parts are read as the whole.
func TestSliceOfOtherArchives(t *testing.T) {
	all := mixed(t)
	subset := []pack.Image{all[0], all[2], all[4]}
	want := airgaptest.Pack(t, airgaptest.NewStore(t), subset, fastest)[format.Zstd]
	for codec, path := range airgaptest.Pack(t, airgaptest.NewStore(t), all, fastest) {
		got, _ := write(t, slice.Job{Archives: []string{airgaptest.Foreign(t, path, codec)}, Images: wanted(subset), Options: fastest}, format.Zstd)
		if !bytes.Equal(read(t, got), read(t, want)) {
			t.Errorf("%s of another program: the slice differs from a direct pack", codec)
		}
	}
	path := filepath.Join(t.TempDir(), "images.tar.zst")
	if _, err := pack.Write(t.Context(), airgaptest.NewStore(t), all, []pack.Output{{Path: path, Split: 800_000}}, fastest); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "slice.tar.zst")
	made, err := slice.Write(t.Context(), airgaptest.NewStore(t), slice.Job{Archives: []string{format.PartPath(path, 2)}, Images: wanted(subset), Options: fastest,
		Outputs: []pack.Output{{Path: out, Split: 700_000}}})
	if err != nil {
		t.Fatal(err)
	}
	var joined []byte
	for _, part := range made[0].Parts {
		joined = append(joined, read(t, part)...)
	}
	if !bytes.Equal(joined, read(t, want)) {
		t.Error("of parts: the slice differs from a direct pack")
	}
}

// Of several archives, the first one that has an image counts.
func TestSliceOfSeveralArchives(t *testing.T) {
	all := mixed(t)
	dir := t.TempDir()
	airgaptest.PackOne(t, airgaptest.NewStore(t), filepath.Join(dir, "a.tar.zst"), all[:3]...)
	airgaptest.PackOne(t, airgaptest.NewStore(t), filepath.Join(dir, "b.tar"), all[2:]...)
	subset := []pack.Image{all[7], all[1], all[4]}
	want := filepath.Join(t.TempDir(), "want.tar.zst")
	airgaptest.PackOne(t, airgaptest.NewStore(t), want, subset...)
	got, _ := write(t, slice.Job{Archives: []string{dir}, Images: wanted(subset), Options: fastest}, format.Zstd)
	if !bytes.Equal(read(t, got), read(t, want)) {
		t.Error("the slice differs from a direct pack")
	}
}

func TestSliceRefuses(t *testing.T) {
	all := mixed(t)
	plain := airgaptest.Pack(t, airgaptest.NewStore(t), all[:6], pack.Options{Level: "fastest"})[format.Tar]
	original := airgaptest.Pack(t, airgaptest.NewStore(t), all[6:], pack.Options{Layers: images.OriginalLayers})[format.Tar]
	for _, c := range []struct {
		name, want string
		job        slice.Job
	}{
		{"no images", "no images to write", slice.Job{Archives: []string{plain}}},
		{"an image that is missing", "list.txt:7: archive " + plain + " has no image acme/sibling1:v2; similar names are docker.io/acme/sibling1:v1",
			slice.Job{Archives: []string{plain}, Images: []slice.Wanted{{Ref: airgaptest.Ref(t, "acme/sibling1:v2"), Where: "list.txt:7"}}}},
		{"both forms of layers", "choose with --layers", slice.Job{Archives: []string{plain, original}, Images: wanted([]pack.Image{all[0], all[7]})}},
		{"its own archive", "would overwrite", slice.Job{Archives: []string{plain}, Images: wanted(all[:1]), Outputs: []pack.Output{{Path: plain}}}},
		{"no archive", "none.tar", slice.Job{Archives: []string{filepath.Join(t.TempDir(), "none.tar")}, Images: wanted(all[:1])}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "slice.tar")
			if c.job.Outputs == nil {
				c.job.Outputs = []pack.Output{{Path: out}}
			}
			_, err := slice.Write(t.Context(), airgaptest.NewStore(t), c.job)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want …%s…", err, c.want)
			}
			if left := airgaptest.FilesIn(t, filepath.Dir(out)); len(left) > 0 {
				t.Errorf("%q remains", left)
			}
		})
	}
}

// A damaged frame is not copied, whether it is copied whole or not; damage elsewhere does not matter.
func TestSliceOfADamagedArchive(t *testing.T) {
	all := mixed(t)
	for codec, path := range airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{Level: "fastest"}) {
		raw := read(t, path)
		raw[len(raw)*2/5] ^= 4 // in the layers of the siblings
		damaged := filepath.Join(t.TempDir(), "damaged."+string(codec))
		if err := os.WriteFile(damaged, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "slice."+string(codec))
		_, err := slice.Write(t.Context(), airgaptest.NewStore(t), slice.Job{Archives: []string{damaged}, Images: wanted(all), Outputs: []pack.Output{{Path: out}}})
		if err == nil || !strings.Contains(err.Error(), damaged) {
			t.Errorf("%s: got %v", codec, err)
		}
		if left := airgaptest.FilesIn(t, filepath.Dir(out)); len(left) > 0 {
			t.Errorf("%s: %q remains", codec, left)
		}
		write(t, slice.Job{Archives: []string{damaged}, Images: wanted(all[7:9])}, codec)
	}
}

// A slice has the documents about its images, and the registry's digests, as a direct pack does.
func TestSliceWithProof(t *testing.T) {
	all := mixed(t)
	for i := range all {
		all[i].Proof = []proof.Attachment{{Kind: proof.VEX, MediaType: "application/json", Content: fmt.Appendf(nil, `{"of":%d}`, i%3)}}
	}
	all[1].Proof = append(all[1].Proof, airgaptest.SBOM()...)
	opts := func(seed byte) pack.Options {
		return pack.Options{Level: "fastest", Proof: &pack.Proof{Sign: proof.SignWith(airgaptest.Key(t, seed))}}
	}
	for _, layers := range []images.ArchiveLayers{images.UncompressedLayers, images.OriginalLayers} {
		first, second := opts(1), opts(2)
		first.Layers, second.Layers = layers, layers
		first.Proof.Attached = []proof.Attachment{{Kind: proof.Trust, MediaType: "text/plain", Content: []byte("a key")}}
		whole := airgaptest.Pack(t, airgaptest.NewStore(t), all, first)[format.Zstd]
		subset := []pack.Image{all[6], all[1], all[2]}
		want := airgaptest.Pack(t, airgaptest.NewStore(t), subset, second)[format.Zstd]
		second.Layers = ""
		got, _ := write(t, slice.Job{Archives: []string{whole}, Images: wanted(subset), Options: second}, format.Zstd)
		names, content, _ := airgaptest.Untar(t, got, format.Zstd)
		wantNames, wantContent, _ := airgaptest.Untar(t, want, format.Zstd)
		if !slices.Equal(names, wantNames) {
			t.Errorf("%s: files %q instead of %q", layers, names, wantNames)
		}
		// Signatures are different each time.
		if !bytes.Equal(content[proof.StatementFile], wantContent[proof.StatementFile]) {
			t.Errorf("%s: the content statement is\n%s\ninstead of\n%s", layers, content[proof.StatementFile], wantContent[proof.StatementFile])
		}
	}
}

// An image that is pinned by digest is found by the digest of its index, under whichever name.
func TestSliceByDigest(t *testing.T) {
	img := airgaptest.Indexed(t, "acme/indexed:v1", false)
	digest, err := img.Index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	img.Names = img.Names[:1]
	whole := airgaptest.Pack(t, airgaptest.NewStore(t), []pack.Image{img}, pack.Options{Layers: images.OriginalLayers})
	img.Names = []name.Reference{airgaptest.Ref(t, "acme/indexed@"+digest.String())}
	want := airgaptest.Pack(t, airgaptest.NewStore(t), []pack.Image{img}, pack.Options{Layers: images.OriginalLayers})
	got, _ := write(t, slice.Job{Archives: []string{whole[format.Tar]}, Images: wanted([]pack.Image{img})}, format.Tar)
	if !bytes.Equal(read(t, got), read(t, want[format.Tar])) {
		t.Error("the slice differs from a direct pack")
	}
}

// Slices of archives for several platforms need one.
func TestSliceChoosesAPlatform(t *testing.T) {
	dir := t.TempDir()
	amd, arm := airgaptest.Simple(t, "acme/app:v1", "linux/amd64"), airgaptest.Simple(t, "acme/app:v1", "linux/arm64")
	airgaptest.LayoutTar(t, filepath.Join(dir, "both.tar"), "acme/app:v1", imagetest.Index(t, amd.Image, arm.Image))
	job := slice.Job{Archives: []string{dir}, Images: []slice.Wanted{{Ref: airgaptest.Ref(t, "acme/app:v1")}},
		Outputs: []pack.Output{{Path: filepath.Join(t.TempDir(), "x.tar")}}}
	if _, err := slice.Write(t.Context(), airgaptest.NewStore(t), job); err == nil || !strings.Contains(err.Error(), "choose one of linux/amd64, linux/arm64") {
		t.Errorf("got %v", err)
	}
	platform, err := images.ParsePlatform("linux/arm64")
	if err != nil {
		t.Fatal(err)
	}
	job.Platform = &platform
	if _, err := slice.Write(t.Context(), airgaptest.NewStore(t), job); err != nil {
		t.Error(err)
	}
}
