package delta

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/delta/bindiff"
	"github.com/slipway-build/slipway/images/airgap/delta/deflate"
	"github.com/slipway-build/slipway/images/airgap/delta/match"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/zstd"
)

// patchRelease returns images of a patch release: in each layer a program differs in some bytes, and a few files do.
func patchRelease(t testing.TB, version int) []pack.Image {
	t.Helper()
	var all []pack.Image
	base := imagetest.Files{}
	for i := range 300 {
		base[fmt.Sprintf("usr/share/%d", i)] = imagetest.Words(i, 1500+i)
	}
	base["etc/os-release"] = fmt.Sprint("VERSION=", version, "\n")
	for i := range 3 {
		program := imagetest.Noise(uint64(i), 700_000+300_000*i)
		if version > 1 {
			for at := 5000; at < len(program); at += 20_000 {
				program[at]++
			}
			program = append(program[:100_000:100_000], append(imagetest.Noise(uint64(50+i), 1000), program[100_000:]...)...)
		}
		files := imagetest.Files{fmt.Sprintf("bin/%d", i): string(program), "etc/version": fmt.Sprint(version)}
		all = append(all, pack.Image{Names: []name.Reference{airgaptest.Ref(t, fmt.Sprintf("rancher/b%d:v%d", i, version))}, Own: i == 0,
			Image: imagetest.Image(t, "linux/amd64", imagetest.Layer(t, base), imagetest.Layer(t, imagetest.Files{"data": imagetest.Words(77, 9_000_000)}), imagetest.Layer(t, files))})
	}
	return all
}

// The delta of a patch release is as large as the bytes that changed in the files of its layers.
func TestDeltaOfChangedFiles(t *testing.T) {
	content := airgaptest.NewStore(t)
	opts := pack.Options{Layers: images.UncompressedLayers, Level: images.BestZstd}
	old, new := airgaptest.Pack(t, content, patchRelease(t, 1), opts), airgaptest.Pack(t, content, patchRelease(t, 2), opts)
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		t.Run(string(codec), func(t *testing.T) {
			file, made := roundTrip(t, old[codec], new[codec])
			const changed, views = 3 * 1000, 12_000
			if limit := int64(changed + views); made.Size > limit || made.Made == 0 {
				t.Errorf("the delta has %d bytes, over %d: %+v", made.Size, limit, made)
			}
			again := filepath.Join(t.TempDir(), "again")
			if _, err := Write(t.Context(), Olds{Files: []string{old[codec]}}, new[codec], again, Options{}); err != nil {
				t.Fatal(err)
			}
			if string(read(t, file)) != string(read(t, again)) {
				t.Error("a second delta has other bytes")
			}
		})
	}
}

// gzipLayer returns a layer of a program that uses zlib, whose gzip member has the operating system os.
func gzipLayer(t testing.TB, files imagetest.Files, os byte) v1.Layer {
	t.Helper()
	content := imagetest.Tar(t, files.Entries()...)
	b := bytes.NewBuffer([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, os})
	w, err := deflate.Open(deflate.Names(true)[0], b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	member := binary.LittleEndian.AppendUint32(b.Bytes(), crc32.ChecksumIEEE(content))
	member = binary.LittleEndian.AppendUint32(member, uint32(len(content)))
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(member)), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Layers that zlib compressed, in a program for Unix or in another one, are made again.
func TestDeltaOfZlibStreams(t *testing.T) {
	content := airgaptest.NewStore(t)
	archive := func(version int) string {
		var all []pack.Image
		for _, os := range []byte{0, byUnix} {
			words := []byte(imagetest.Words(int(os), 400_000))
			for at := 0; at < len(words); at += 2000 {
				words[at] = byte('a' + version)
			}
			files := imagetest.Files{"usr/share/words": string(words)}
			all = append(all, pack.Image{Names: []name.Reference{airgaptest.Ref(t, fmt.Sprintf("example.com/os%d:v%d", os, version))},
				Image: imagetest.Image(t, "linux/amd64", gzipLayer(t, files, os))})
		}
		return airgaptest.Pack(t, content, all, pack.Options{})[format.Gzip]
	}
	if _, made := roundTrip(t, archive(1), archive(2)); made.Size > 10_000 || made.Made == 0 {
		t.Errorf("the delta has %d bytes: %+v", made.Size, made)
	}
}

// Frames of all levels are made again.
func TestDeltaOfOtherLevels(t *testing.T) {
	if testing.Short() {
		t.Skip("compresses at the level max")
	}
	content := airgaptest.NewStore(t)
	for _, level := range []images.ZstdLevel{images.FastestZstd, images.DefaultZstd, images.BetterZstd, images.MaxZstd} {
		opts := pack.Options{Level: level}
		_, made := roundTrip(t, airgaptest.Pack(t, content, patchRelease(t, 1), opts)[format.Zstd], airgaptest.Pack(t, content, patchRelease(t, 2), opts)[format.Zstd])
		if made.Size > 15_000 || made.Made == 0 {
			t.Errorf("%s: the delta has %d bytes: %+v", level, made.Size, made)
		}
	}
}

// Content is made only if its patches and what they add to the recipe are smaller than the bytes that it replaces.
func TestContentMakesADeltaSmaller(t *testing.T) {
	const size = 10_000
	file := FileID{"file", size, fmt.Sprintf("%x", sha256.Sum256(nil))}
	for patch, want := range map[int64]int{9_500: 1, 9_900: 0, 10_100: 0} {
		patches, err := newScratch(filepath.Join(t.TempDir(), "delta"))
		if err != nil {
			t.Fatal(err)
		}
		d := &delta{Old: oldIDs{file}, New: file, Copies: []match.Run{}, contentRecipe: contentRecipe{Sources: []source{{0, size, size}}}}
		c := &contentDiff{delta: d, patches: patches}
		err = c.use([]madeRun{{Size: size, Content: size}}, []contentStep{{Size: size, Old: []contentRange{{0, size}}, Patch: patch}})
		patches.close()
		if err != nil || len(d.Made) != want {
			t.Errorf("of a patch of %d bytes, %d runs are made, want %d: %v", patch, len(d.Made), want, err)
		}
	}
}

// A portable delta needs no encoder.
func TestPortableDelta(t *testing.T) {
	content := airgaptest.NewStore(t)
	opts := pack.Options{Level: images.BestZstd}
	old, new := airgaptest.Pack(t, content, patchRelease(t, 1), opts)[format.Zstd], airgaptest.Pack(t, content, patchRelease(t, 2), opts)[format.Zstd]
	path := filepath.Join(t.TempDir(), "delta")
	if r, err := Write(t.Context(), Olds{Files: []string{old}}, new, path, Options{Portable: true}); err != nil || r.Made != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if b := read(t, path); b[len(deltaMagic)] != deltaVersion || strings.Contains(string(b), segmentEncoder(zstd.Best)) {
		t.Error("the delta needs an encoder")
	}
}

// What a delta makes of content has the limits that docs/airgap-delta.md states.
func TestApplyRefusesHostileContent(t *testing.T) {
	raw := imagetest.Noise(1, 1000)
	old := write(t, raw)
	patch, err := bindiff.Diff(t.Context(), raw, raw)
	if err != nil {
		t.Fatal(err)
	}
	apply := func(dir, encoder, copies, sources, content, made string) error {
		recipe := fmt.Sprintf(`{"old":{"name":"old","size":1000,"sha256":"%[1]x"},"new":{"name":"new","size":1000,"sha256":"%[1]x"},"patches":"bindiff 2","encoders":[%[2]s],"copies":[%[3]s],"sources":[%[4]s],"content":[%[5]s],"made":[%[6]s]}`,
			sha256.Sum256(raw), encoder, copies, sources, content, made)
		_, err := Apply(t.Context(), Olds{Files: []string{old}}, write(t, seal([]byte(recipe), patch)), filepath.Join(dir, "new"), 0)
		return err
	}
	const (
		source = `{"old":0,"size":1000,"content":1000}`
		made   = `{"new":0,"size":1000,"from":0,"content":1000}`
	)
	segment := strconv.Quote(segmentEncoder(zstd.Best))
	step := fmt.Sprintf(`{"size":1000,"old":[{"at":0,"size":1000}],"patch":%d}`, len(patch))
	if err := apply(t.TempDir(), "", "", source, step, made); err != nil {
		t.Errorf("a valid delta is refused: %v", err)
	}
	const outside, over = "outside of what it is made of", "outside the files, or over the one before it"
	for name, c := range map[string]struct{ encoder, copies, sources, content, made, want string }{
		"another encoder":                      {`"zstd segment 0"`, "", source, step, made, `needs the encoder "zstd segment 0"`},
		"a source outside OLD":                 {"", "", `{"old":1,"size":1000,"content":1000}`, step, made, outside},
		"a source that grows":                  {"", "", `{"old":0,"size":1000,"content":1001}`, step, made, outside},
		"sources over one another":             {"", "", source + `,{"old":999,"size":1,"content":1}`, step, made, outside},
		"a bomb of sources":                    {`],"codec":"tar.gz","encoders":[`, "", `{"old":0,"size":1000,"content":1099511627776}`, step, made, "more than the limit"},
		"a range outside the content":          {"", "", source, `{"size":1000,"old":[{"at":1,"size":1000}]}`, made, outside},
		"a range that overflows":               {"", "", source, `{"size":1000,"old":[{"at":9223372036854775807,"size":9223372036854775807}]}`, made, outside},
		"a copy of nothing":                    {"", "", source, `{"size":1000}`, made, outside},
		"a copy of less":                       {"", "", source, `{"size":1000,"old":[{"at":0,"size":999}]}`, made, outside},
		"a patch after the end":                {"", "", source, `{"size":1000,"old":[{"at":0,"size":1000}],"patch":100000}`, made, outside},
		"a bomb of content":                    {"", "", source, `{"size":67108864,"patch":1},{"size":67108864,"patch":1}`, made, "more than the limit"},
		"a patch larger than its bytes":        {"", "", source, fmt.Sprintf(`{"size":1,"old":[{"at":0,"size":1000}],"patch":%d}`, 65539), made, outside},
		"a patch that is too large":            {"", "", source, `{"size":117440513,"patch":1}`, made, outside},
		"made outside NEW":                     {"", "", source, step, `{"new":1,"size":1000,"from":0,"content":1000}`, over},
		"made of what is not there":            {"", "", source, step, `{"new":0,"size":1000,"from":1,"content":1000}`, over},
		"made twice":                           {"", "", source, step, `{"new":0,"size":500,"from":0,"content":500},{"new":500,"size":500,"from":0,"content":500}`, over},
		"a window before the content":          {segment, "", source, step, `{"encoder":1,"new":0,"size":1000,"from":0,"content":1000,"window":1}`, over},
		"a window without an encoder":          {"", "", source, step, `{"new":0,"size":500,"from":500,"content":500,"window":1}`, over},
		"continued after nothing":              {segment, "", source, step, `{"encoder":1,"new":0,"size":1000,"from":0,"content":1000,"continued":true}`, over},
		"copied and made":                      {"", `{"old":0,"new":999,"size":1}`, source, step, made, "both copied and made"},
		"a patch of other bytes":               {"", "", source, fmt.Sprintf(`{"size":999,"old":[{"at":0,"size":1000}],"patch":%d}`, len(patch)), `{"new":0,"size":999,"from":0,"content":999}`, "invalid patch"},
		"bytes that the encoder does not make": {segment, "", source, step, `{"encoder":1,"new":0,"size":1000,"from":0,"content":1000}`, "the encoder makes other bytes"},
		"no encoder":                           {segment, "", source, step, `{"encoder":2,"new":0,"size":1000,"from":0,"content":1000}`, "has no encoder"},
		"a codec that archives do not have":    {`],"codec":"tar.bz2","encoders":[`, "", source, step, made, "unknown codec"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			err := apply(dir, c.encoder, c.copies, c.sources, c.content, c.made)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want …%s…", err, c.want)
			}
			if left := airgaptest.FilesIn(t, dir); len(left) > 0 {
				t.Errorf("%q remains", left)
			}
		})
	}
}

func TestPieces(t *testing.T) {
	p, file := &pieces{}, strings.NewReader("0123456789")
	p.add(file, 1, 2)
	p.add(file, 3, 0)
	p.add(file, 3, 1)
	p.add(file, 7, 2)
	if len(p.all) != 2 {
		t.Errorf("adjacent pieces are apart: %+v", p.all)
	}
	if got, err := io.ReadAll(io.NewSectionReader(p, 0, 100)); err != nil || string(got) != "12378" {
		t.Errorf("got %q, %v", got, err)
	}
	if at, ok := p.of(8); !ok || at != 4 {
		t.Errorf("got %d, %t", at, ok)
	}
	for _, offset := range []int64{0, 4, 5, 9} {
		if at, ok := p.of(offset); ok {
			t.Errorf("byte %d is found at %d, although it is not in the pieces", offset, at)
		}
	}
}

// A small recipe cannot make apply read OLD for hours.
func TestPatchesReadOldAsOftenAsContentMayGrow(t *testing.T) {
	step := contentStep{Size: 1, Old: []contentRange{{At: 0, Size: 1 << 20}}, Patch: 1}
	c := &contentRecipe{Content: slices.Repeat([]contentStep{step}, 1000)}
	d := &delta{size: 60_000, Old: oldIDs{{Size: 40 << 20}}}
	if _, err := c.checkSteps(d, 1<<20, 2000); err != nil {
		t.Error(err)
	}
	d.Old[0].Size = 1 << 20
	if _, err := c.checkSteps(d, 1<<20, 2000); err == nil || !strings.Contains(err.Error(), "reading what its patches need") {
		t.Errorf("error %v", err)
	}
}
