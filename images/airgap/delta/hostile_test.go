package delta

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/pack"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/slipway-build/slipway/images/airgap/delta/bindiff"
	"github.com/slipway-build/slipway/images/airgap/delta/match"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// Apply checks OLD before it looks at the path of NEW, whose folder does not exist here.
func TestApplyRefusesAnotherOld(t *testing.T) {
	content := airgaptest.NewStore(t)
	old, new := airgaptest.Pack(t, content, release(t, 1, 100_000), pack.Options{Level: "fastest"})[format.Zstd], airgaptest.Pack(t, content, release(t, 2, 100_000), pack.Options{Level: "fastest"})[format.Zstd]
	delta, _ := roundTrip(t, old, new)
	raw := read(t, old)
	flipped := func(at int) []byte {
		b := bytes.Clone(raw)
		b[at] ^= 4
		return b
	}
	for _, c := range []struct {
		name string
		old  string
		want string
	}{
		{"cut off", write(t, raw[:len(raw)-1]), "bytes instead of"},
		{"longer", write(t, append(bytes.Clone(raw), 0)), "bytes instead of"},
		{"empty", write(t, nil), "it has 0 bytes instead of"},
		{"a bit at the beginning", write(t, flipped(0)), "or is damaged: its SHA-256 is"},
		{"a bit in what changed", write(t, flipped(len(raw)/20)), "or is damaged: its SHA-256 is"},
		{"a bit at the end", write(t, flipped(len(raw)-1)), "or is damaged: its SHA-256 is"},
		{"NEW", new, "nothing to do"},
		{"none", filepath.Join(t.TempDir(), "none"), "opening "},
		{"a folder", t.TempDir(), "it is a folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Apply(t.Context(), Olds{Files: []string{c.old}}, delta, filepath.Join(t.TempDir(), "no", "new"), 0)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), filepath.Join("no", "new")) {
				t.Errorf("got %v, want …%s…", err, c.want)
			}
		})
	}
}

func TestApplyRefusesDamagedDeltas(t *testing.T) {
	t.Parallel()
	base := imagetest.Noise(1, 20_000)
	old := write(t, base)
	delta, _ := roundTrip(t, old, write(t, slices.Concat(base[:9_000], []byte(imagetest.Words(1, 300)), base[9_000:])))
	raw := read(t, delta)
	dir := t.TempDir()
	check := func(how string, damaged []byte) {
		t.Helper()
		if err := os.WriteFile(delta, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Apply(t.Context(), Olds{Files: []string{old}}, delta, filepath.Join(dir, "new"), 0); err == nil {
			t.Errorf("%s: applied without an error", how)
		}
		if left := airgaptest.FilesIn(t, dir); len(left) > 0 {
			t.Fatalf("%s: %q remains", how, left)
		}
	}
	step := 1
	if testing.Short() {
		step = 13
	}
	for n := 0; n < len(raw); n += step {
		check(fmt.Sprintf("cut off after %d bytes", n), raw[:n])
		flipped := bytes.Clone(raw)
		flipped[n] ^= 1 << (n % 8)
		check(fmt.Sprintf("a bit of byte %d", n), flipped)
	}
	check("longer", append(bytes.Clone(raw), 0))
}

// seal makes a delta with a correct digest from any recipe and compressed bytes.
func seal(recipe, added []byte) []byte {
	b := []byte(deltaMagic)
	version := uint32(deltaVersion)
	switch {
	case bytes.HasPrefix(recipe, []byte(`{"old":[`)):
		version = oldsVersion
	case bytes.Contains(recipe, []byte(`"made":[`)):
		version = contentVersion
	}
	b = binary.LittleEndian.AppendUint32(b, version)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(recipe)))
	b = slices.Concat(b, recipe, added)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func TestApplyRefusesHostileDeltas(t *testing.T) {
	raw := imagetest.Noise(1, 1000)
	old := write(t, raw)
	sum := sha256.Sum256(raw)
	id := fmt.Sprintf(`{"name":"../../old","size":1000,"sha256":"%x"}`, sum)
	recipe := func(newSize int64, copies string) []byte {
		return fmt.Appendf(nil, `{"old":%s,"new":{"name":"x","size":%d,"sha256":"%x"},"copies":[%s]}`, id, newSize, sum, copies)
	}
	good := `{"old":0,"new":0,"size":1000}`
	for _, c := range []struct {
		name  string
		delta []byte
		want  string
	}{
		{"an archive", airgaptest.Compress(t, format.Zstd, raw), "not a delta"},
		{"another version", func() []byte {
			b := seal(recipe(1000, good), nil)
			b[len(deltaMagic)] = 5
			return b
		}(), "of version 5, and this program reads versions 1 to 4"},
		{"a recipe that is too long", func() []byte {
			b := seal(recipe(1000, good), nil)[:400]
			binary.LittleEndian.PutUint32(b[len(deltaMagic)+4:], 1<<31)
			sum := sha256.Sum256(b)
			return append(b, sum[:]...)
		}(), "at most"},
		{"no JSON", seal([]byte("{"), nil), "reading its recipe"},
		{"an unknown key", seal([]byte(`{"execute":"rm"}`), nil), "unknown field"},
		{"more JSON", seal(append(recipe(1000, good), '{'), nil), "unexpected data after"},
		{"nothing", seal([]byte(`{}`), nil), "invalid file in its recipe"},
		{"a negative size", seal(recipe(-1, good), nil), "invalid file in its recipe"},
		{"over the end of OLD", seal(recipe(1000, `{"old":1,"new":0,"size":1000}`), nil), "run 0 of its recipe"},
		{"before OLD", seal(recipe(1000, `{"old":-1,"new":0,"size":1000}`), nil), "run 0 of its recipe"},
		{"over the end of NEW", seal(recipe(999, good), nil), "run 0 of its recipe"},
		{"numbers that overflow", seal(recipe(1000, `{"old":9223372036854775807,"new":9223372036854775807,"size":9223372036854775807}`), nil), "run 0 of its recipe"},
		{"no bytes", seal(recipe(1000, good+`,{"old":0,"new":1000,"size":0}`), nil), "run 1 of its recipe"},
		{"over one another", seal(recipe(1500, good+`,{"old":0,"new":500,"size":1000}`), nil), "run 1 of its recipe"},
		{"backwards", seal(recipe(1000, `{"old":0,"new":500,"size":500},{"old":0,"new":0,"size":500}`), nil), "run 1 of its recipe"},
		{"too many runs", seal(recipe(1000, strings.Repeat("{},", 500_000)+"{}"), nil), "at most 131072 are read"},
		{"a little too many runs", seal(recipe(1000, strings.Repeat("{},", maxCopies)+"{}"), nil), "at most 131072 are read"},
		{"a bomb", seal(recipe(1<<50, good), nil), "more than the limit of 64 times as many"},
		{"nothing added", seal(recipe(1001, good), nil), "decompressing the added bytes: unexpected EOF"},
		{"too little added", seal(recipe(1010, good), airgaptest.Compress(t, format.Zstd, raw[:9])), "decompressing the added bytes: unexpected EOF"},
		{"too much added", seal(recipe(1000, good), airgaptest.Compress(t, format.Zstd, raw[:9])), "more than 0 bytes"},
		{"a bomb of what is added", seal(recipe(1000, good), airgaptest.Compress(t, format.Zstd, make([]byte, 1<<24))), "more than 0 bytes"},
		{"no zstd", seal(recipe(1010, good), raw[:100]), "decompressing the added bytes"},
		{"another file", seal(recipe(1000, `{"old":0,"new":0,"size":999}`), airgaptest.Compress(t, format.Zstd, []byte{^raw[999]})), "the result has the SHA-256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Apply(t.Context(), Olds{Files: []string{old}}, write(t, c.delta), filepath.Join(dir, "new"), 0)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want …%s…", err, c.want)
			}
			if left := airgaptest.FilesIn(t, dir); len(left) > 0 {
				t.Errorf("%q remains", left)
			}
		})
	}
	if _, err := Apply(t.Context(), Olds{Files: []string{old}}, write(t, seal(recipe(1000, `{"old":0,"new":0,"size":999}`), airgaptest.Compress(t, format.Zstd, raw[999:]))), filepath.Join(t.TempDir(), "new"), 0); err != nil {
		t.Errorf("a valid delta is refused: %v", err)
	}
}

func TestDeltaDoesNotOverwriteItsInputs(t *testing.T) {
	old, new := write(t, imagetest.Noise(1, 1000)), write(t, imagetest.Noise(2, 1000))
	delta, _ := roundTrip(t, old, new)
	for _, path := range []string{old, new} {
		if _, err := Write(t.Context(), Olds{Files: []string{old}}, new, path, Options{}); err == nil || !strings.Contains(err.Error(), "would overwrite") {
			t.Errorf("Diff to %s: %v", path, err)
		}
	}
	if _, err := Apply(t.Context(), Olds{Files: []string{old}}, delta, delta, 0); err == nil || !strings.Contains(err.Error(), "would overwrite") {
		t.Errorf("Apply to the delta: %v", err)
	}
}

func TestDiffRefusesOtherCodecs(t *testing.T) {
	paths := airgaptest.Pack(t, airgaptest.NewStore(t), airgaptest.GzipImages(t), pack.Options{})
	_, err := Write(t.Context(), Olds{Files: []string{paths[format.Gzip]}}, paths[format.Zstd], filepath.Join(t.TempDir(), "delta"), Options{})
	if err == nil || !strings.Contains(err.Error(), "compare archives of the same codec") {
		t.Errorf("got %v", err)
	}
}

// Write and Apply leave no files if they are interrupted at any step.
func TestInterruptedDeltaLeavesNothing(t *testing.T) {
	base := imagetest.Noise(1, 3_000_000)
	old, new := write(t, base), write(t, slices.Concat(base[:1_000_000], imagetest.Noise(2, 1_000_000), base[1_000_000:]))
	delta, _ := roundTrip(t, old, new)
	for what, do := range map[string]func(ctx context.Context, out string) error{
		"Diff": func(ctx context.Context, out string) error {
			_, err := Write(ctx, Olds{Files: []string{old}}, new, out, Options{})
			return err
		},
		"Apply": func(ctx context.Context, out string) error {
			_, err := Apply(ctx, Olds{Files: []string{old}}, delta, out, 0)
			return err
		},
	} {
		for asked, step := int64(0), int64(1); ; asked, step = asked+step, step+step/2+1 {
			dir := t.TempDir()
			err := do(airgaptest.NewCountdown(t.Context(), asked), filepath.Join(dir, "out"))
			if err == nil {
				if asked < 10 {
					t.Errorf("%s checked the context only %d times", what, asked)
				}
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if left := airgaptest.FilesIn(t, dir); len(left) > 0 {
				t.Fatalf("%s, interrupted after %d steps, left %q", what, asked, left)
			}
		}
	}
}

// A delta is either refused, or makes the file that its recipe names, and never more bytes.
func FuzzApply(f *testing.F) {
	old := imagetest.Noise(1, 4096)
	oldSum := sha256.Sum256(old)
	seed := func(new []byte, copies []match.Run, added []byte) {
		newSum := sha256.Sum256(new)
		recipe, err := json.Marshal(&delta{Old: oldIDs{{"old", int64(len(old)), fmt.Sprintf("%x", oldSum)}},
			New: FileID{"new", int64(len(new)), fmt.Sprintf("%x", newSum)}, Copies: copies})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(recipe, airgaptest.Compress(f, format.Zstd, added))
	}
	seed(old, []match.Run{{Old: 0, New: 0, Size: 4096}}, nil)
	seed(slices.Concat(old[1000:], []byte("added"), old[:1000]), []match.Run{{Old: 1000, New: 0, Size: 3096}, {Old: 0, New: 3101, Size: 1000}}, []byte("added"))
	seed([]byte("added"), nil, []byte("added"))
	changed := slices.Clone(old)
	changed[2000]++
	patch, err := bindiff.Diff(f.Context(), old[1000:], changed[1000:])
	if err != nil {
		f.Fatal(err)
	}
	made := fmt.Sprintf(`{"old":{"name":"old","size":4096,"sha256":"%x"},"new":{"name":"new","size":4096,"sha256":"%x"},"copies":[{"old":0,"new":0,"size":1000}],`+
		`"patches":"bindiff 2","sources":[{"old":1000,"size":3096,"content":3096}],"content":[{"size":3096,"old":[{"at":0,"size":3096}],"patch":%d}],"made":[{"new":1000,"size":3096,"from":0,"content":3096}]}`,
		oldSum, sha256.Sum256(changed), len(patch))
	f.Add([]byte(made), patch)
	one := fmt.Sprintf(`{"name":"old","size":4096,"sha256":"%x"}`, oldSum)
	two := fmt.Sprintf(`[{"name":"a","size":1000,"sha256":"%[1]x"},{"name":"b","size":3096,"sha256":"%[1]x"}]`, oldSum)
	f.Add([]byte(strings.Replace(made, one, two, 1)), patch)
	f.Add([]byte(`{}`), []byte{})
	f.Fuzz(func(t *testing.T, recipe, added []byte) {
		b := seal(recipe, added)
		d, err := readDelta(t.Context(), bytes.NewReader(b), int64(len(b)))
		if err != nil || d.New.Size > 1<<20 || d.Old.size() != int64(len(old)) {
			return
		}
		if d.checkEncoders() != nil {
			return
		}
		var out bytes.Buffer
		made, err := d.makeContents(t.Context(), bytes.NewReader(old), filepath.Join(t.TempDir(), "new"))
		if err != nil {
			return
		}
		defer made.close()
		err = d.rebuild(t.Context(), bytes.NewReader(old), made.made, &out, &out, progress.Start(t.Context(), "fuzz"))
		if int64(out.Len()) > d.New.Size {
			t.Errorf("Apply wrote %d bytes instead of %d", out.Len(), d.New.Size)
		}
		if err == nil && fmt.Sprintf("%x", sha256.Sum256(out.Bytes())) != d.New.SHA256 {
			t.Error("Apply made a different file")
		}
	})
}

// The delta of any two files restores the second one. It consists of pieces of the first one, in
// any order and of any length, and of other bytes.
func FuzzDiff(f *testing.F) {
	old := imagetest.Noise(1, 60_000)
	f.Add([]byte{0, 255, 255, 100, 255, 9})
	f.Add([]byte{50, 200, 3, 255, 7, 7, 20, 255, 255, 0, 0, 0, 1, 1, 1})
	f.Fuzz(func(t *testing.T, pieces []byte) {
		var new []byte
		for len(pieces) >= 3 && len(new) < 1<<20 {
			at, size := 200*int(pieces[0]), 70*int(pieces[1])+int(pieces[2])
			if pieces = pieces[3:]; size%3 == 0 {
				new = append(new, imagetest.Noise(uint64(at), size)...)
			} else {
				new = append(new, old[at:min(at+size, len(old))]...)
			}
		}
		roundTrip(t, write(t, old), write(t, new))
	})
}
