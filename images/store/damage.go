package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/progress"
)

// A DamagedError says that a file of a store was not what it had to be. The file has
// been removed, so that it is made or fetched anew when it is asked for again; Mend
// does that.
type DamagedError struct {
	Path   string
	Reason error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s was damaged and has been removed, run again to get it anew: %v", e.Path, e.Reason)
}

func (e *DamagedError) Unwrap() error { return e.Reason }

// Warn shows a warning for the file, which the caller makes or fetches anew.
func (e *DamagedError) Warn(ctx context.Context) {
	progress.Warn(ctx, fmt.Sprintf("%s was damaged and has been removed; it is made or fetched anew: %v", e.Path, e.Reason))
}

// damaged removes what is at path, and returns a *DamagedError. If it cannot be
// removed, or is not ours, the error is another one: trying again would not help.
func (s *Store) damaged(path string, reason error) error {
	if s.readOnly {
		return fmt.Errorf("%s is damaged: %w", path, reason)
	}
	if err := fileop.RemoveAll(path); err != nil {
		return fmt.Errorf("%s is damaged, remove it: %w", path, reason)
	}
	return &DamagedError{Path: path, Reason: reason}
}

// drop is damaged for a caller who goes on without the file: it warns.
func (s *Store) drop(ctx context.Context, path string, reason error) {
	warnOf(ctx, s.damaged(path, reason))
}

// warnOf is for a caller who goes on without the file that err may tell of.
func warnOf(ctx context.Context, err error) {
	var damage *DamagedError
	if errors.As(err, &damage) {
		damage.Warn(ctx)
	}
}

// errIrregular says that there is a folder, or something else that cannot be read,
// in the place of a file.
var errIrregular = errors.New("not a regular file")

// isDamage says whether a file that cannot be opened or read is lost. Other failures,
// such as too many open files, say nothing about the file.
func isDamage(err error) bool {
	for _, lost := range []error{fs.ErrPermission, errIrregular, syscall.EIO, syscall.EISDIR} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return false
}

// Mend calls do, and calls it again if it failed because of damaged files, which are
// gone now, with a warning for each. It gives up when a file that was made anew is
// damaged again, as on a failing disk. do must be able to start over.
//
// The error that remains tells of all damage, so that a caller who can make more
// things anew may mend what do could not.
func Mend(ctx context.Context, do func() error) error {
	found := map[string]*DamagedError{}
	for {
		err := do()
		if err == nil {
			return nil
		}
		fresh := false
		for _, d := range damages(err) {
			if found[d.Path] == nil {
				found[d.Path] = d
				fresh = true
				d.Warn(ctx)
			}
		}
		if !fresh || context.Cause(ctx) != nil {
			return withDamage(err, found)
		}
	}
}

// withDamage is err, which also tells of the damage that was found before it.
func withDamage(err error, found map[string]*DamagedError) error {
	for _, d := range damages(err) {
		delete(found, d.Path)
	}
	if len(found) == 0 {
		return err
	}
	e := &unmended{error: err, causes: []error{err}}
	for _, d := range found {
		e.causes = append(e.causes, d)
	}
	return e
}

// unmended has the message of its first cause alone: the damage was shown before.
type unmended struct {
	error
	causes []error
}

func (e *unmended) Unwrap() []error { return e.causes }

// damages lists every *DamagedError that err wraps or joins.
func damages(err error) []*DamagedError {
	switch e := err.(type) {
	case nil:
		return nil
	case *DamagedError:
		return []*DamagedError{e}
	case interface{ Unwrap() error }:
		return damages(e.Unwrap())
	case interface{ Unwrap() []error }:
		var all []*DamagedError
		for _, one := range e.Unwrap() {
			all = append(all, damages(one)...)
		}
		return all
	}
	return nil
}
