package output

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/progress"
)

// lockFile is locked by runs that use the folder: by one that writes, or by several that read. It is in the private
// folder of dist/oci. The system releases it when a process ends, even if it is killed.
const lockFile = "dist/oci/.slipway/run.lock"

// lockPoll is the interval at which a run that waits for another one tries again.
const lockPoll = 100 * time.Millisecond

// A Lock is held by a run that uses the folder. A nil Lock is the lock of a reader that needs none.
type Lock struct{ file *flock.Flock }

// Lock waits until no other run writes to the folder and, for writing, until none reads from it. For writing, it
// creates dist/oci. For reading, it returns no lock if the folder does not exist or is read-only.
func (f Folder) Lock(ctx context.Context, write bool) (*Lock, error) {
	path := f.Path(lockFile)
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
		ok, err := fileop.Open(try)
		if err == nil && !ok {
			progress.Warn(ctx, fmt.Sprintf("another run of slipway uses %s: waiting for it to end", f.Relative("dist/")))
			ok, err = fileop.Open(func() (bool, error) { return wait(ctx, lockPoll) })
		}
		switch {
		case ok && isAt(l, path):
			return &Lock{l}, nil
		case ok, write && errors.Is(err, fs.ErrNotExist):
			l.Close() // Clean has removed the file in the meantime
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case write:
			return nil, fmt.Errorf("locking %s: %w", f.Relative("dist/"), err)
		default:
			return nil, nil
		}
	}
}

// isAt reports whether a locked file is still the file at path.
func isAt(l *flock.Flock, path string) bool {
	there, err := os.Stat(path)
	if err != nil {
		return false
	}
	held, err := l.Stat()
	return err == nil && os.SameFile(held, there)
}

// Release releases the lock.
func (h *Lock) Release() {
	if h != nil {
		h.file.Close()
	}
}

// remove removes the lock's file before it releases the lock, so that no other run locks the file in between. Windows
// cannot remove open files: there, the file remains if another run waits for it.
func (h *Lock) remove() {
	if runtime.GOOS == "windows" {
		h.file.Close()
	}
	_ = fileop.Remove(h.file.Path())
	h.file.Close()
}
