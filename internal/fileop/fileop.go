package fileop

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"
)

// patience is how long an operation is tried again. Scanners hold a new file for
// milliseconds; a user who waits takes more than some seconds for a hang.
const patience = 3 * time.Second

// Rename is os.Rename. On Windows, too, it replaces a file that is read-only.
func Rename(from, to string) error {
	return try(func() error { return rename(from, to) })
}

// try calls op, and calls it again for a bounded time while another process blocks it.
func try(op func() error) error {
	return retry(time.Now().Add(patience), time.Sleep, isBlocked, op)
}

// Open calls open, which opens a file. On Windows that fails while the file is being
// renamed. That access is denied has other reasons there.
func Open(open func() (*os.File, error)) (f *os.File, err error) {
	err = retry(time.Now().Add(patience), time.Sleep, isBusy, func() error {
		f, err = open()
		return err
	})
	return f, err
}

// InUse says whether a rename or a removal failed for what another process does with the
// file. Only Windows has such failures.
func InUse(err error) bool { return err != nil && isBlocked(err) }

// Remove is os.Remove.
func Remove(path string) error {
	return try(func() error { return os.Remove(path) })
}

// RemoveIfThere is Remove for a path that may not exist.
func RemoveIfThere(path string) error {
	if err := Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// RemoveAll is os.RemoveAll.
func RemoveAll(path string) error {
	return try(func() error { return os.RemoveAll(path) })
}

// retry calls op until it succeeds, fails for another reason than being blocked, or
// the deadline has passed. The pauses grow, and are random so that two processes
// which block each other part.
func retry(deadline time.Time, sleep func(time.Duration), blocked func(error) bool, op func() error) error {
	for pause := time.Millisecond; ; pause += time.Duration(rand.Int64N(int64(pause))) + 1 {
		err := op()
		if err == nil || !blocked(err) || time.Now().Add(pause).After(deadline) {
			return err
		}
		sleep(pause)
	}
}
