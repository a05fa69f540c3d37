package delta

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/progress"
)

// damaged returns a copy of an archive in which each frame, or each large file of a tar, is damaged.
func damaged(t *testing.T, path string) string {
	t.Helper()
	f, err := format.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l, raw := layoutOf(t.Context(), f), read(t, path)
	if l.codec != format.Tar {
		for _, frame := range l.frames[1:] { // the first one shows the codec
			raw[frame.Offset] ^= 1
		}
	} else {
		for _, e := range l.entries {
			if e.Size > 1<<20 {
				for i := range 2 * int64(minMade) {
					raw[e.Offset+e.Size/2+i] ^= 1
				}
			}
		}
	}
	damaged := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(damaged, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return damaged
}

// Damaged archives have a delta, as any two files have, which needs none of their content.
func TestDeltaOfDamagedArchives(t *testing.T) {
	content := airgaptest.NewStore(t)
	opts := pack.Options{Layers: images.UncompressedLayers, Level: images.FastestZstd}
	old, new := airgaptest.Pack(t, content, patchRelease(t, 1), opts), airgaptest.Pack(t, content, patchRelease(t, 2), opts)
	for name, c := range map[string]struct{ old, new string }{
		"a file of OLD":       {damaged(t, old[format.Tar]), new[format.Tar]},
		"zstd frames of OLD":  {damaged(t, old[format.Zstd]), new[format.Zstd]},
		"gzip streams of OLD": {damaged(t, old[format.Gzip]), new[format.Gzip]},
		"zstd frames of NEW":  {old[format.Zstd], damaged(t, new[format.Zstd])},
		"gzip streams of NEW": {old[format.Gzip], damaged(t, new[format.Gzip])},
	} {
		t.Run(name, func(t *testing.T) {
			dir, said := t.TempDir(), &airgaptest.Warnings{}
			file, out := filepath.Join(dir, "delta"), filepath.Join(dir, "new")
			made, err := Write(progress.With(t.Context(), said), Olds{Files: []string{c.old}}, c.new, file, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(said.Said) != 1 || !strings.Contains(said.Said[0], "holds changed layers whole") {
				t.Errorf("the warnings are %q", said.Said)
			}
			if _, err := Apply(t.Context(), Olds{Files: []string{c.old}}, file, out, 0); err != nil || made.Made != 0 || string(read(t, out)) != string(read(t, c.new)) {
				t.Errorf("%+v, %v", made, err)
			}
			if left := airgaptest.FilesIn(t, dir); len(left) != 2 {
				t.Errorf("%q remain", left)
			}
		})
	}
}

// A full disk and an interruption are no damage.
func TestErrorsOfContent(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	full := fmt.Errorf("decompressing: %w", &os.PathError{Op: "write", Path: "temp", Err: syscall.ENOSPC})
	if ofContent(t.Context(), full) || ofContent(stopped, errors.New("damaged")) || !ofContent(t.Context(), errors.New("damaged")) {
		t.Error("an error is taken for another one")
	}
}

// Frames that claim far too much content are not decompressed.
func TestContentOfBombsIsLeftOut(t *testing.T) {
	f, err := format.OpenFile(write(t, make([]byte, 10_000)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	bomb := &layout{f, format.Zstd, []format.Span{{Size: 10_000, TarSize: 1 << 40}}, []format.Entry{{Name: strings.Repeat("a", 64), Size: 1000}}}
	m := remaker{new: bomb}
	defer m.close()
	if err := m.compressed(t.Context(), filepath.Join(t.TempDir(), "delta")); err == nil || !strings.Contains(err.Error(), "more than the limit") {
		t.Errorf("NEW: %v", err)
	}
	c := &contentDiff{delta: &delta{}, old: bomb, new: &layout{}}
	if _, err := c.openOld(nil); err == nil || !strings.Contains(err.Error(), "more than the limit") {
		t.Errorf("OLD: %v", err)
	}
}

// contentOf returns what compares a changed file of size bytes, whose patch has 10 bytes.
func contentOf(size int64) *contentDiff {
	id := FileID{Size: size, SHA256: strings.Repeat("a", 64)}
	return &contentDiff{delta: &delta{Old: oldIDs{id}, New: id, contentRecipe: contentRecipe{Sources: []source{{0, size, size}}}}, patches: &scratch{}}
}

// A recipe that is not read is not written.
func TestContentThatIsNotReadIsLeftOut(t *testing.T) {
	const size = 4_000_000
	bytewise := make([]contentRange, maxCommas/2)
	for i := range bytewise {
		bytewise[i] = contentRange{int64(2 * i), 1}
	}
	for name, c := range map[string]struct {
		step contentStep
		used bool
	}{
		"a file":          {contentStep{size, []contentRange{{0, size}}, 10}, true},
		"too many ranges": {contentStep{size, bytewise, 10}, false},
	} {
		d := contentOf(size)
		d.use([]madeRun{{Size: size, Content: size}}, []contentStep{c.step})
		if used := len(d.Made) > 0; used != c.used {
			t.Errorf("%s: used is %t", name, used)
		}
	}
}
