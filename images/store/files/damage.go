package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/progress"
)

// A DamagedError means that a file of a store was damaged and has been removed, so that the next
// access builds or fetches it again. Mend does that.
type DamagedError struct {
	Path   string
	Reason error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("removed damaged %s: %v: run again to recreate it", e.Path, e.Reason)
}

func (e *DamagedError) Unwrap() error { return e.Reason }

// Warn shows a warning for the file, which the caller will build or fetch again.
func (e *DamagedError) Warn(ctx context.Context) {
	progress.Warn(ctx, fmt.Sprintf("removed damaged %s, which will be recreated: %v", e.Path, e.Reason))
}

// Damaged removes path, and returns a *DamagedError. If path cannot be removed, or is not in a
// store of ours, the error is a different one, because trying again would not help.
func (s *Folder) Damaged(path string, reason error) error {
	if s.ReadOnly {
		return fmt.Errorf("%s is damaged: %w", path, reason)
	}
	if err := fileop.RemoveAll(path); err != nil {
		return fmt.Errorf("%s is damaged, remove it: %w", path, reason)
	}
	return &DamagedError{Path: path, Reason: reason}
}

// drop is damaged for a caller that continues without the file: it warns.
func (s *Folder) drop(ctx context.Context, path string, reason error) {
	WarnOf(ctx, s.Damaged(path, reason))
}

// WarnOf warns about damage in err, for a caller that continues without the file.
func WarnOf(ctx context.Context, err error) {
	var damage *DamagedError
	if errors.As(err, &damage) {
		damage.Warn(ctx)
	}
}

// errIrregular means that there is a folder, or something else that cannot be read, in place of a
// file.
var errIrregular = errors.New("not a regular file")

// isDamage reports whether an error of opening or reading means that the file is lost. Other
// errors, such as too many open files, do not depend on the file.
func isDamage(err error) bool {
	for _, lost := range []error{fs.ErrPermission, errIrregular, syscall.EIO, syscall.EISDIR} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return false
}

// Mend calls do, and again if it failed because of damaged files, which have been removed, with a
// warning for each. It gives up when a recreated file is damaged again, as on a failing disk. do
// must be able to start over.
//
// The returned error includes all damage, so that a caller that can recreate more files may try
// again.
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

// withDamage returns err together with the damage found before.
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

// unmended has only the message of its first cause: the damage was already shown.
type unmended struct {
	error
	causes []error
}

func (e *unmended) Unwrap() []error { return e.causes }

// damages returns every *DamagedError in err.
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
