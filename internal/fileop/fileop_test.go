package fileop

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// errBlocked is the error of operations while another process blocks them.
var errBlocked = errors.New("blocked")

func TestABlockedOperationIsTriedAgain(t *testing.T) {
	lasting := errors.New("no such disk")
	for _, c := range []struct {
		name  string
		fails []error // one for each call
		left  time.Duration
		want  error
		calls int
	}{
		{"nothing is in the way", nil, time.Minute, nil, 1},
		{"it is soon free", []error{errBlocked, errBlocked, errBlocked}, time.Minute, nil, 4},
		{"another failure is final", []error{errBlocked, lasting}, time.Minute, lasting, 2},
		{"the time is over", []error{errBlocked, errBlocked}, -time.Second, errBlocked, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls, slept := 0, time.Duration(0)
			err := retry(time.Now().Add(c.left), func(d time.Duration) { slept += d },
				func(err error) bool { return errors.Is(err, errBlocked) },
				func() error {
					calls++
					if calls <= len(c.fails) {
						return c.fails[calls-1]
					}
					return nil
				})
			if !errors.Is(err, c.want) || calls != c.calls {
				t.Errorf("%d calls, and %v; want %d and %v", calls, err, c.calls, c.want)
			}
			if calls > 1 && slept < time.Duration(calls-1)*time.Millisecond {
				t.Errorf("only %v between %d calls", slept, calls)
			}
		})
	}
}

// Retries end, even if a file is blocked permanently.
func TestTryingEnds(t *testing.T) {
	calls := 0
	err := retry(time.Now().Add(20*time.Millisecond), time.Sleep, func(error) bool { return true }, func() error {
		calls++
		return errBlocked
	})
	if err == nil || calls < 2 || calls > 20 {
		t.Errorf("%d calls, and %v", calls, err)
	}
}

func TestFilesAreRenamedAndRemoved(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for path, mode := range map[string]fs.FileMode{from: 0o644, to: 0o444} {
		if err := os.WriteFile(path, []byte(path), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := Rename(from, to); err != nil {
		t.Fatalf("a read-only file is not replaced: %v", err)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != from {
		t.Errorf("%q is in its place, %v", got, err)
	}
	if err := Remove(from); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removing a missing file: %v", err)
	}
	if err := errors.Join(RemoveIfThere(from), RemoveIfThere(to), RemoveAll(dir)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file still exists: %v", err)
	}
}

// While a file is replaced, readers can open it at every moment.
func TestReadersFindAFileDuringItsReplacement(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "file")
	replace := func() {
		temp := filepath.Join(dir, "temp")
		if err := errors.Join(os.WriteFile(temp, []byte("x"), 0o400), Rename(temp, final)); err != nil {
			t.Fatal(err)
		}
	}
	replace()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			f, err := Open(func() (*os.File, error) { return os.Open(final) })
			if err != nil {
				done <- err
				return
			}
			f.Close()
			time.Sleep(time.Millisecond) // a file that is always open is never replaced on Windows
		}
		done <- nil
	}()
	for range 100 {
		replace()
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
