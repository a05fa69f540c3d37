package delta

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// versionOf returns the version in the head of a delta.
func versionOf(t *testing.T, delta string) byte {
	t.Helper()
	return read(t, delta)[len(deltaMagic)]
}

// A delta of two archives has what neither of them has.
func TestDeltaOfSeveralFiles(t *testing.T) {
	content := airgaptest.NewStore(t)
	opts := pack.Options{Layers: images.UncompressedLayers, Level: images.FastestZstd}
	before, after := patchRelease(t, 1), patchRelease(t, 2)
	first, second := airgaptest.Pack(t, content, before[:2], opts), airgaptest.Pack(t, content, before[2:], opts)
	new := airgaptest.Pack(t, content, after, opts)
	other := write(t, imagetest.Noise(9, 100_000))
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		t.Run(string(codec), func(t *testing.T) {
			file, made := roundTripOf(t, []string{first[codec], other, second[codec]}, new[codec])
			const changed, views = 3 * 1000, 12_000
			if made.Size > changed+views || made.Made == 0 || versionOf(t, file) != oldsVersion {
				t.Errorf("the delta of version %d has %d bytes, over %d: %+v", versionOf(t, file), made.Size, changed+views, made)
			}
			one, alone := roundTrip(t, first[codec], new[codec])
			if alone.Size < 5*made.Size || versionOf(t, one) != contentVersion {
				t.Errorf("the delta of one archive, of version %d, has %d bytes; that of two has %d", versionOf(t, one), alone.Size, made.Size)
			}
		})
	}
}

// Runs may go from the end of one file into the next one.
func TestDeltaOfJoinedFiles(t *testing.T) {
	base := imagetest.Noise(1, 700_000)
	parts := []string{write(t, base[:300_001]), write(t, nil), write(t, base[300_001:])}
	file, made := roundTripOf(t, parts, write(t, base))
	if made.Added != 0 || made.Copies != 1 || versionOf(t, file) != oldsVersion {
		t.Errorf("%+v", made)
	}
	if got := made.Old[2].Size; got != 399_999 {
		t.Errorf("the third file has %d bytes", got)
	}
}

func TestApplySaysWhichFileIsMissing(t *testing.T) {
	a, b, new := imagetest.Noise(1, 1000), imagetest.Noise(2, 2000), imagetest.Noise(3, 500)
	named := func(name string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		testfile.Write(t, path, string(content))
		return path
	}
	pathA, pathB := named("a.tar", a), named("b.tar", b)
	newPath := write(t, slices.Concat(a, new, b))
	file, _ := roundTripOf(t, []string{pathA, pathB}, newPath)
	damaged := slices.Clone(b)
	damaged[7]++
	for name, c := range map[string]struct {
		old  []string
		want []string
	}{
		"the first":          {[]string{pathB}, []string{`"a.tar" is missing`, "a file of 1000 bytes with the SHA-256 " + fmt.Sprintf("%x", sha256.Sum256(a))}},
		"the second":         {[]string{pathA}, []string{`"b.tar" is missing`}},
		"both":               {nil, []string{`"a.tar" is missing`, `"b.tar" is missing`}},
		"damaged":            {[]string{named("c.tar", damaged), pathA}, []string{"c.tar is not the file that the delta was made for, or is damaged: its SHA-256 is", `of "b.tar"`}},
		"cut off":            {[]string{named("x", nil), pathA, named("b.tar", b[:1999])}, []string{`b.tar is not the file that the delta was made for: it has 1999 bytes instead of the 2000 of "b.tar"`}},
		"NEW among the rest": {[]string{pathA, newPath, pathB}, []string{"nothing to do"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Apply(t.Context(), Olds{Files: c.old}, file, filepath.Join(t.TempDir(), "no", "new"), 0)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want …%s…", err, want)
				}
			}
		})
	}
	// What is not needed does no harm.
	out := filepath.Join(t.TempDir(), "out")
	if _, err := Apply(t.Context(), Olds{Files: []string{named("c.tar", damaged), pathB, pathA, write(t, nil)}}, file, out, 0); err != nil {
		t.Error(err)
	}
	if _, err := Write(t.Context(), Olds{Files: []string{pathA, pathB, named("copy.tar", a)}}, newPath, out, Options{}); err == nil || !strings.Contains(err.Error(), `"a.tar" and "copy.tar" have the same content`) {
		t.Errorf("got %v", err)
	}
	if _, err := Write(t.Context(), Olds{Files: slices.Repeat([]string{pathA}, maxOlds+1)}, newPath, out, Options{}); err == nil || !strings.Contains(err.Error(), "a delta has at most 100") {
		t.Errorf("got %v", err)
	}
}

// A recipe names one file as an object, as it always did, and several as a list.
func TestOldFilesInJSON(t *testing.T) {
	one := oldIDs{{"a", 1, "x"}}
	if raw, err := json.Marshal(&delta{Old: one}); err != nil || !strings.HasPrefix(string(raw), `{"old":{"name":"a","size":1,"sha256":"x"},"new":`) {
		t.Errorf("%s, %v", raw, err)
	}
	two := append(one, FileID{"b", 2, "y"})
	if raw, err := json.Marshal(&delta{Old: two}); err != nil || !strings.HasPrefix(string(raw), `{"old":[{"name":"a","size":1,"sha256":"x"},{"name":"b",`) {
		t.Errorf("%s, %v", raw, err)
	}
}

func TestApplyRefusesHostileFileLists(t *testing.T) {
	raw := imagetest.Noise(1, 1000)
	old := write(t, raw)
	sum := fmt.Sprintf("%x", sha256.Sum256(raw))
	id := func(size int64) string { return fmt.Sprintf(`{"name":"old","size":%d,"sha256":"%s"}`, size, sum) }
	for name, c := range map[string]struct{ old, copies, want string }{
		"one":              {"[" + id(1000) + "]", `{"old":0,"new":0,"size":1000}`, "a list of 1 old files"},
		"none":             {"[]", "", "a list of 0 old files"},
		"null":             {"null", "", "invalid file in its recipe"},
		"a number":         {"1", "", "cannot unmarshal number"},
		"too many":         {"[" + strings.Repeat(id(1)+",", maxOlds) + id(1) + "]", "", "want 2 to 100"},
		"an unknown key":   {`[{"path":"/etc/passwd"},{}]`, "", `unknown field "path"`},
		"a file's key":     {`{"path":"/etc/passwd"}`, "", `unknown field "path"`},
		"a negative size":  {"[" + id(1000) + "," + id(-1) + "]", "", "invalid file in its recipe"},
		"sizes overflow":   {"[" + id(1000) + "," + id(1<<63-1) + "]", "", "invalid file in its recipe"},
		"outside of both":  {"[" + id(1000) + "," + id(1000) + "]", `{"old":1500,"new":0,"size":501}`, "run 0 of its recipe"},
		"another file":     {"[" + id(1000) + "," + id(999) + "]", `{"old":0,"new":0,"size":1000}`, `"old" is missing`},
		"growth with both": {"[" + id(1<<20) + "," + id(1<<20) + "]", "", "more than the limit of 64 times as many"},
	} {
		t.Run(name, func(t *testing.T) {
			size := int64(1000)
			if strings.HasPrefix(name, "growth") {
				size = 1 << 40
			}
			b := seal(fmt.Appendf(nil, `{"old":%s,"new":{"name":"x","size":%d,"sha256":"%s"},"copies":[%s]}`, c.old, size, sum, c.copies), nil)
			dir := t.TempDir()
			_, err := Apply(t.Context(), Olds{Files: []string{old}}, write(t, b), filepath.Join(dir, "new"), 0)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want …%s…", err, c.want)
			}
			if left := airgaptest.FilesIn(t, dir); len(left) > 0 {
				t.Errorf("%q remains", left)
			}
		})
	}
	// The same file twice, of which the second half is copied.
	twice := seal(fmt.Appendf(nil, `{"old":[%s,%s],"new":{"name":"x","size":1000,"sha256":"%s"},"copies":[{"old":1000,"new":0,"size":1000}]}`, id(1000), id(1000), sum), nil)
	if _, err := Apply(t.Context(), Olds{Files: []string{old}}, write(t, twice), filepath.Join(t.TempDir(), "new"), 0); err != nil {
		t.Errorf("a valid delta is refused: %v", err)
	}
}
