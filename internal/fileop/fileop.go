package fileop

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"
)

// patience limits the time for retries. Scanners hold a new file for milliseconds; after more than
// a few seconds, a user would assume a hang.
const patience = 3 * time.Second

// Rename is os.Rename. On Windows, it also replaces a read-only file.
func Rename(from, to string) error {
	return try(func() error { return rename(from, to) })
}

// try calls op, and repeats it for a limited time while another process blocks it.
func try(op func() error) error {
	return retry(time.Now().Add(patience), time.Sleep, isBlocked, op)
}

// Open calls open, which opens a file. On Windows, open fails while the file is being renamed or
// removed. "Access denied" is not retried, since it has other causes here.
func Open[T any](open func() (T, error)) (opened T, err error) {
	err = retry(time.Now().Add(patience), time.Sleep, isBusy, func() error {
		opened, err = open()
		return err
	})
	return opened, err
}

// InUse reports whether a rename or a removal failed because another process uses the file. Only
// Windows has such failures.
func InUse(err error) bool { return err != nil && isBlocked(err) }

// Remove is os.Remove.
func Remove(path string) error {
	return try(func() error { return os.Remove(path) })
}

// RemoveIfThere is Remove, without an error if the path does not exist.
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

// retry calls op until it succeeds, fails for another reason than being blocked, or the deadline
// has passed. Delays increase and are random, so that two processes do not keep blocking each
// other.
func retry(deadline time.Time, sleep func(time.Duration), blocked func(error) bool, op func() error) error {
	for pause := time.Millisecond; ; pause += time.Duration(rand.Int64N(int64(pause))) + 1 {
		err := op()
		if err == nil || !blocked(err) || time.Now().Add(pause).After(deadline) {
			return err
		}
		sleep(pause)
	}
}
