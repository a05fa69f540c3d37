package output

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/regular"
)

// WriteFile writes a small file, unless it already has the content.
func WriteFile(file string, content []byte) error {
	if old, err := regular.ReadFile(file); err == nil && bytes.Equal(old, content) {
		return nil
	}
	return replaceFile(file, 0o644, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// replaceFile writes a file under a temporary name, and renames it when it is complete. It creates the folder.
func replaceFile(file string, mode fs.FileMode, write func(io.Writer) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".slipway-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			fileop.Remove(f.Name())
			err = fmt.Errorf("writing %s: %w", file, err)
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	// The mode must not depend on the umask.
	if err := errors.Join(f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return fileop.Rename(f.Name(), file)
}

// CopyFile copies a file. It replaces an existing file only after the copy is complete.
func CopyFile(from, to string, mode fs.FileMode) error {
	return copyFile(from, to, mode, func(v1.Hash) error { return nil })
}

// CopyVerified copies a file, which must have the digest want. It reads the file once.
func CopyVerified(from, to string, mode fs.FileMode, want string) error {
	return copyFile(from, to, mode, func(have v1.Hash) error {
		if have.String() != want {
			return fmt.Errorf("%s has %s, want %s", from, have, want)
		}
		return nil
	})
}

func copyFile(from, to string, mode fs.FileMode, check func(v1.Hash) error) error {
	in, err := regular.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return replaceFile(to, mode, func(w io.Writer) error {
		have, _, err := v1.SHA256(io.TeeReader(in, w))
		if err != nil {
			return err
		}
		return check(have)
	})
}
