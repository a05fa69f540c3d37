package delta

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// A delta, opened with its OLD, has the bytes of NEW, in any order in which they are read.
func TestDeltaReadsAsNew(t *testing.T) {
	content := airgaptest.NewStore(t)
	old := airgaptest.Pack(t, content, patchRelease(t, 1), pack.Options{Level: "fastest"})
	new := airgaptest.Pack(t, content, patchRelease(t, 2), pack.Options{Level: "fastest"})
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		t.Run(string(codec), func(t *testing.T) {
			file, dir := filepath.Join(t.TempDir(), "next.delta"), t.TempDir()
			made, err := Write(t.Context(), Olds{Files: []string{old[codec]}}, new[codec], file, Options{})
			if err != nil {
				t.Fatal(err)
			}
			f, err := format.Open(With(t.Context(), Olds{Files: []string{old[codec]}}, dir, func() {}), file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			want := read(t, new[codec])
			if stored := filepath.Join(filepath.Dir(file), "images."+string(codec)); f.Name != file || f.StoredName() != stored || f.IsSplit() || f.Size() != int64(len(want)) {
				t.Errorf("%s of %d bytes, stored as %s, split %t", f.Name, f.Size(), f.StoredName(), f.IsSplit())
			}
			if want := fmt.Sprintf(" %x", sha256.Sum256(want)); f.State() != want {
				t.Errorf("the state is %s, want %s", f.State(), want)
			}
			readBothWays(t, f, want)
			var kept int64
			for _, name := range airgaptest.FilesIn(t, dir) {
				kept += int64(len(read(t, filepath.Join(dir, name))))
			}
			if kept != made.Made+made.Added {
				t.Errorf("temporary files have %d bytes; %d were made and %d added", kept, made.Made, made.Added)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if left := airgaptest.FilesIn(t, dir); len(left) > 0 {
				t.Errorf("%q remains", left)
			}
		})
	}
}

// readBothWays reads all of f, and parts of it in several goroutines.
func readBothWays(t *testing.T, f *format.File, want []byte) {
	t.Helper()
	if got, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()+10)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d other bytes than the %d of NEW, %v", len(got), len(want), err)
	}
	var group errgroup.Group
	for i := range 4 {
		group.Go(func() error {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for range 200 {
				at, b := random.Int64N(int64(len(want))), make([]byte, random.IntN(100_000))
				n, err := f.ReadAt(b, at)
				if end := min(at+int64(len(b)), int64(len(want))); !bytes.Equal(b[:n], want[at:end]) || (n < len(b)) != (err == io.EOF) {
					return fmt.Errorf("%d bytes at %d: %d, %w", len(b), at, n, err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// What Apply refuses is not opened, and leaves nothing.
func TestDeltasThatAreNotOpened(t *testing.T) {
	base := imagetest.Noise(1, 200_000)
	old, new := write(t, base), write(t, append([]byte("new"), base...))
	file, _ := roundTrip(t, old, new)
	damaged := bytes.Clone(read(t, old))
	damaged[100_000]++
	shorter := read(t, file)
	id := fmt.Sprintf(`{"name":"../../etc/passwd","size":1000,"sha256":"%x"}`, sha256.Sum256(base[:1000]))
	lie := seal(fmt.Appendf(nil, `{"old":%s,"new":{"name":"x","size":1000,"sha256":"%x"},"copies":[{"old":0,"new":0,"size":1000}]}`, id, sha256.Sum256(base)), nil)
	for name, c := range map[string]struct {
		old, delta string
		want       string
	}{
		"without OLD":     {"", file, `"file" is missing`},
		"another OLD":     {new, file, "is already"},
		"a damaged OLD":   {write(t, damaged), file, "or is damaged"},
		"a damaged delta": {old, write(t, shorter[:len(shorter)-1]), "damaged or cut off"},
		"itself":          {file, file, "it has "},
		"another NEW":     {write(t, base[:1000]), write(t, lie), "the result has the SHA-256"},
	} {
		t.Run(name, func(t *testing.T) {
			var olds []string
			if c.old != "" {
				olds = []string{c.old}
			}
			dir := filepath.Join(t.TempDir(), "deltas")
			f, err := format.Open(With(t.Context(), Olds{Files: olds}, dir, func() {}), c.delta)
			if err == nil {
				f.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want …%s…", err, c.want)
			}
			if _, err := os.Stat(dir); err == nil && len(airgaptest.FilesIn(t, dir)) > 0 {
				t.Errorf("%q remains", airgaptest.FilesIn(t, dir))
			}
		})
	}
	// A context with OLD makes no difference for other files.
	f, err := format.Open(With(t.Context(), Olds{Files: []string{old}}, t.TempDir(), func() {}), new)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.StoredName() != new || f.State() != "" || f.Size() != 200_003 {
		t.Errorf("%s, %q, %d bytes", f.StoredName(), f.State(), f.Size())
	}
}

// A name in a recipe leads to no other folder.
func TestStoredNameStaysBesideTheDelta(t *testing.T) {
	base := imagetest.Noise(1, 1000)
	old, sum := write(t, base), fmt.Sprintf("%x", sha256.Sum256(base))
	for name, want := range map[string]string{"x.tar": "x.tar", "../x.tar": "d", "": "d", "..": "d", ".": "d", "a/b": "d", `a\\b`: "d", "c:x": "d"} {
		file := filepath.Join(t.TempDir(), "d")
		recipe := fmt.Sprintf(`{"old":{"name":"x","size":1000,"sha256":"%[2]s"},"new":{"name":"%[1]s","size":1000,"sha256":"%[2]s"},"copies":[{"old":0,"new":0,"size":1000}]}`, name, sum)
		testfile.Write(t, file, string(seal([]byte(recipe), nil)))
		f, err := format.Open(With(t.Context(), Olds{Files: []string{old}}, t.TempDir(), func() {}), file)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.StoredName(); got != filepath.Join(filepath.Dir(file), want) {
			t.Errorf("NEW is called %q, and stored as %s", name, got)
		}
		f.Close()
	}
}

// An interruption at any step leaves no temporary file.
func TestInterruptedOpenLeavesNothing(t *testing.T) {
	content := airgaptest.NewStore(t)
	old := airgaptest.Pack(t, content, release(t, 1, 100_000), pack.Options{Level: "fastest"})[format.Zstd]
	new := airgaptest.Pack(t, content, release(t, 2, 100_000), pack.Options{Level: "fastest"})[format.Zstd]
	file, _ := roundTrip(t, old, new)
	for asked, step := int64(0), int64(1); ; asked, step = asked+step, step+step/2+1 {
		dir := t.TempDir()
		var ctx context.Context = airgaptest.NewCountdown(t.Context(), asked)
		f, err := format.Open(With(ctx, Olds{Files: []string{old}}, dir, func() {}), file)
		if err == nil {
			f.Close()
		}
		if left := airgaptest.FilesIn(t, dir); len(left) > 0 {
			t.Fatalf("interrupted after %d steps, %q remains", asked, left)
		}
		if err == nil {
			break
		}
	}
}
