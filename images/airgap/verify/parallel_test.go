package verify

import (
	"archive/tar"
	"bytes"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// bothWays reads an archive in parallel, and from its beginning. parallel is nil if it was not read in parallel.
func bothWays(t *testing.T, codec format.Codec, raw []byte) (parallel, passed *contents) {
	t.Helper()
	size := int64(len(raw))
	idx, err := format.ReadIndex(bytes.NewReader(raw), size, codec)
	if err != nil {
		idx = nil
	}
	r, task := &Report{Size: size, Codec: codec}, progress.Start(t.Context(), "")
	if parallel, err = r.inParallel(t.Context(), bytes.NewReader(raw), idx, true, task); err != nil {
		t.Fatal(err)
	}
	var spans []format.Span
	if idx != nil {
		spans = idx.Frames
	}
	if passed, err = r.pass(t.Context(), bytes.NewReader(raw), spans, true, task); err != nil {
		t.Fatal(err)
	}
	if parallel != nil {
		parallel.unread, passed.unread = nil, nil // which only reading needs
		if passed.broken != nil || !reflect.DeepEqual(parallel, passed) {
			t.Errorf("read in parallel, the archive has %d files and %d bytes; from its beginning, it has %d and %d: %v", len(parallel.files), parallel.size, len(passed.files), passed.size, passed.broken)
		}
	}
	return parallel, passed
}

// largeImages have layers that are read in goroutines of their own.
func largeImages(t *testing.T) []pack.Image {
	t.Helper()
	var all []pack.Image
	for i, called := range []string{"acme/a:v1", "acme/b:v1", "acme/c:v1"} {
		img := imagetest.Image(t, "linux/amd64",
			imagetest.LayerOf(t, types.DockerLayer, imagetest.Files{"bin/a": imagetest.Words(i, 500_000)}.Entries()...),
			imagetest.LayerOf(t, types.DockerLayer, imagetest.Files{"bin/c": imagetest.Words(20+i, 300_000)}.Entries()...))
		all = append(all, pack.Image{Names: []name.Reference{airgaptest.Ref(t, called)}, Image: img})
	}
	return all
}

// Archives are read in parallel as from their beginning, whatever is changed in them.
func TestArchivesAreReadInParallelAsFromTheirBeginning(t *testing.T) {
	for _, layers := range []images.ArchiveLayers{images.UncompressedLayers, images.OriginalLayers} {
		all := append(signedImages(t), largeImages(t)...)
		for codec, path := range airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{Layers: layers, Proof: signedProof(t, releaseKey)}) {
			t.Run(string(layers)+" "+string(codec), func(t *testing.T) {
				raw, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if parallel, passed := bothWays(t, codec, raw); parallel == nil || passed.unread != nil || len(parallel.files) < 20 {
					t.Fatalf("not read in parallel, but as %+v", passed)
				}
				random, inParallel := rand.New(rand.NewPCG(1, 2)), 0
				for range 40 {
					changed := bytes.Clone(raw)
					at := random.IntN(len(raw))
					switch random.IntN(4) {
					case 0:
						changed[at] ^= 1 << random.IntN(8)
					case 1:
						clear(changed[at:min(len(raw), at+random.IntN(3000))])
					case 2:
						changed = changed[:at]
					default:
						changed = append(changed[:at], raw[max(0, at-512*random.IntN(3)):]...)
					}
					if parallel, _ := bothWays(t, codec, changed); parallel != nil {
						inParallel++
					}
				}
				t.Logf("%d of 40 changed archives are read in parallel", inParallel)
			})
		}
	}
}

// Frames whose files are others when the frames are read one after the other are not read in parallel.
func TestFramesThatAreReadOneAfterTheOther(t *testing.T) {
	whole := airgaptest.NewWorkshop(t, largeImages(t)[0]).Tar()
	second := int(contentsOf(t, whole).files[1].Offset) - format.BlockSize
	statement := airgaptest.TarOf(t, airgaptest.TarMember{Header: tar.Header{Name: proof.StatementFile}, Content: "{}"})
	end := bytes.Repeat([]byte{0}, format.TarEnd)
	for name, c := range map[string]struct {
		frames   [][]byte
		parallel bool
	}{
		"whole files":                      {[][]byte{whole[:second], whole[second:]}, true},
		"one frame":                        {[][]byte{whole}, true},
		"a file in two":                    {[][]byte{whole[:second-format.BlockSize], whole[second-format.BlockSize:]}, false},
		"a header apart":                   {[][]byte{whole[:second+format.BlockSize], whole[second+format.BlockSize:]}, false},
		"the end of the tar in the first":  {[][]byte{append(bytes.Clone(whole[:second]), end...), whole[second:]}, false},
		"the end of the tar alone":         {[][]byte{whole[:second], end, whole[second:]}, false},
		"a statement that the index hides": {[][]byte{whole[:second], statement[:len(statement)-format.TarEnd], whole[second:]}, false},
	} {
		t.Run(name, func(t *testing.T) {
			idx, out := format.NewIndex(), []byte{}
			for _, f := range c.frames {
				compressed := airgaptest.Compress(t, format.Zstd, f)
				idx.Add(int64(len(compressed)), int64(len(f)), nil)
				out = append(out, compressed...)
			}
			tail, err := idx.Encode(format.Zstd)
			if err != nil {
				t.Fatal(err)
			}
			if parallel, _ := bothWays(t, format.Zstd, append(out, tail...)); (parallel != nil) != c.parallel {
				t.Errorf("read in parallel: %v, want %v", parallel != nil, c.parallel)
			}
		})
	}
}

// A layer with a large zstd window is not read at the same time as others, which would take memory.
func TestLargeWindowsAreReadAlone(t *testing.T) {
	layer := airgaptest.Compress(t, format.Zstd, []byte(imagetest.Words(1, 2_000_000)))
	for window, want := range map[byte]bool{13 << 3: true, 14 << 3: false} {
		content := append(emptyFrame(window), layer...)
		raw := airgaptest.TarOf(t, airgaptest.TarMember{Header: tar.Header{Name: "layer"}, Content: string(content)})
		parallel, passed := bothWays(t, format.Tar, raw)
		if (parallel != nil) != want || passed.files[0].diffID == "" {
			t.Errorf("a window of 2^%d bytes: read in parallel: %v, want %v; %v", 10+window>>3, parallel != nil, want, passed.files[0].diffErr)
		}
	}
}
