package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/slipway-build/slipway/build/compile"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/progress"
)

// distLock is held by runs that use dist: by one that writes, or by several that read. It
// lies in the private folder of dist/oci. The system releases it when a process ends,
// however that ends.
const distLock = "dist/oci/.slipway/run.lock"

// lockPoll is how often a run that waits for another tries again.
const lockPoll = 100 * time.Millisecond

// A heldLock is a lock of dist.
type heldLock struct{ file *flock.Flock }

// lockDist waits until no other run writes in dist and, to write, none reads. It makes
// dist/oci to write. Where there is no dist to read, or it cannot be written to, a reader
// needs no lock, and gets nil.
func (b *Builder) lockDist(ctx context.Context, write bool) (*heldLock, error) {
	path := b.path(distLock)
	for {
		if write {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return nil, err
			}
		}
		l := flock.New(path)
		try, wait := l.TryRLock, l.TryRLockContext
		if write {
			try, wait = l.TryLock, l.TryLockContext
		}
		ok, err := try()
		if err == nil && !ok {
			progress.Warn(ctx, fmt.Sprintf("another run of slipway uses %s: waiting for it to end", b.relative("dist/")))
			ok, err = wait(ctx, lockPoll)
		}
		switch {
		case ok && isAt(l, path):
			return &heldLock{l}, nil
		case ok, write && errors.Is(err, fs.ErrNotExist):
			l.Close() // a clean removed the file meanwhile
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case write:
			return nil, fmt.Errorf("locking %s: %w", b.relative("dist/"), err)
		default:
			return nil, nil
		}
	}
}

// isAt says whether a locked file is still the one at path.
func isAt(l *flock.Flock, path string) bool {
	there, err := os.Stat(path)
	if err != nil {
		return false
	}
	held, err := l.Stat()
	return err == nil && os.SameFile(held, there)
}

func (h *heldLock) release() {
	if h != nil {
		h.file.Close()
	}
}

// remove removes the lock's file and releases it, in this order: else another run could
// lock the file before it is gone. Windows removes no file that is open, ours included;
// there it stays if another run waits for it.
func (h *heldLock) remove() {
	if runtime.GOOS == "windows" {
		h.file.Close()
	}
	_ = fileop.Remove(h.file.Path())
	h.file.Close()
}

// temporaryName is that of a file that a run was writing in dist: of replaceFile, and of
// the packages bundle and airgap. final is the name that it would have got.
var temporaryName = regexp.MustCompile(`^\.(slipway-[0-9]+|(?P<final>.+)\.[0-9]+\.tmp(\.part[0-9]{3})?)$`)

// sweep removes what runs that were killed left in dist, whose lock for writing this run
// holds. What cannot be removed takes nothing but room.
func (b *Builder) sweep() {
	planned := map[string]bool{"": true}
	for name := range b.full.Names() {
		planned[filepath.Base(filepath.FromSlash(name))] = true
	}
	for _, folder := range []string{"dist", "dist/artifacts"} {
		entries, _ := os.ReadDir(b.path(folder))
		for _, e := range entries {
			// Others may write files of their own names here, such as slipway airgap pack.
			if m := temporaryName.FindStringSubmatch(e.Name()); m != nil && planned[m[temporaryName.SubexpIndex("final")]] {
				_ = fileop.Remove(filepath.Join(b.path(folder), e.Name()))
			}
		}
	}
	folders, _ := b.binaryFolders()
	for _, folder := range folders {
		_ = compile.RemoveLeftovers(b.path(folder))
	}
}

// binaryFolders are the folders of dist/bin, one a platform. Other entries there are not
// ours.
func (b *Builder) binaryFolders() ([]string, error) {
	entries, err := os.ReadDir(b.path("dist/bin"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var folders []string
	for _, e := range entries {
		if _, err := images.ParsePlatform(strings.ReplaceAll(e.Name(), "-", "/")); err == nil && e.IsDir() {
			folders = append(folders, "dist/bin/"+e.Name())
		}
	}
	return folders, nil
}
