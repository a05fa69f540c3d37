package publish

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// copiesAtOnce keeps a network share busy while another file is hashed; more would make a disk
// seek.
const copiesAtOnce = 2

// Copy copies files to the folder dir, which it creates if necessary. Existing files with the same
// size and SHA-256 are skipped. The others are written to a temporary file, read back, and renamed.
// A file is renamed only after the files before it in the list, so checksums belong at the end.
// Other files in dir are kept. Permissions are those of images.ContextMode.
func Copy(ctx context.Context, dir string, files []string) error {
	all, err := artifacts(files)
	if err != nil {
		return fmt.Errorf("copying to %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(copiesAtOnce)
	before := make(chan struct{})
	close(before)
	for _, a := range all {
		previous, done := before, make(chan struct{})
		before = done
		group.Go(func() error {
			task := progress.Start(ctx, "copy "+a.name)
			err := copyOne(ctx, dir, a, task, previous)
			task.Done(err)
			if err != nil {
				return fmt.Errorf("copying %s to %s: %w", a.path, dir, err)
			}
			close(done)
			return nil
		})
	}
	return group.Wait()
}

// copyOne copies a. It renames the copy when previous is closed.
func copyOne(ctx context.Context, dir string, a artifact, task *progress.Task, previous <-chan struct{}) error {
	final := filepath.Join(dir, a.name)
	fileop.SweepTemporary(final)
	same, err := sameFile(ctx, final, a)
	if err != nil {
		return err
	}
	if same {
		task.SetCached()
		return wait(ctx, previous)
	}
	task.SetTotal(a.size)
	temp, err := os.CreateTemp(dir, "."+a.name+".*.tmp")
	if err != nil {
		return err
	}
	defer fileop.Remove(temp.Name()) // after the rename it does not exist
	err = fill(ctx, temp, a, task)
	if err := errors.Join(err, temp.Close()); err != nil {
		return err
	}
	// Regardless of the umask: artifacts must be readable by everyone.
	if err := os.Chmod(temp.Name(), images.ContextMode(a.mode).Perm()); err != nil {
		return err
	}
	if err := wait(ctx, previous); err != nil {
		return err
	}
	return fileop.Rename(temp.Name(), final)
}

// fill copies a to file, and reads it back.
func fill(ctx context.Context, file *os.File, a artifact, task *progress.Task) error {
	source, err := regular.Open(a.path)
	if err != nil {
		return err
	}
	defer source.Close()
	sum := sha256.New()
	if _, err := io.Copy(file, io.TeeReader(task.Reader(streams.WithContext(ctx, source)), sum)); err != nil {
		return err
	}
	found, err := digestOf(ctx, file.Name())
	if err != nil {
		return err
	}
	if want := digest(sum.Sum(nil)); found != want {
		return fmt.Errorf("the copy reads back as %s, want %s: is the disk or share broken?", found, want)
	}
	return nil
}

// sameFile reports whether the file at path has the same content as a.
func sameFile(ctx context.Context, path string, a artifact) (bool, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if info.IsDir() {
		return false, fmt.Errorf("%s is a folder", path)
	}
	if !info.Mode().IsRegular() || info.Size() != a.size {
		return false, nil
	}
	there, err := digestOf(ctx, path)
	if err != nil {
		return false, err
	}
	want, err := digestOf(ctx, a.path)
	return there == want, err
}

// wait waits until done is closed.
func wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
