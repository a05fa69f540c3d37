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
	"strings"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
)

// An artifact is a file to publish.
type artifact struct {
	path string
	// name is the last element of path, and the name under which the file is published.
	name string
	size int64
	mode fs.FileMode
}

// artifacts returns the artifacts for files, in order. The error lists all files that are missing,
// are not regular files, or have the same name as another.
func artifacts(files []string) ([]artifact, error) {
	var all []artifact
	var missing []string
	var errs []error
	seen := map[string]string{}
	for _, file := range files {
		a := artifact{path: file, name: filepath.Base(file)}
		if other, ok := seen[a.name]; ok {
			errs = append(errs, fmt.Errorf("%s and %s have the same name, but a release has no folders: rename one of them", other, file))
		}
		seen[a.name] = file
		info, err := os.Stat(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, file)
		case err != nil:
			errs = append(errs, err)
		case !info.Mode().IsRegular():
			errs = append(errs, fmt.Errorf("%s: want a file, found %s", file, info.Mode().Type()))
		default:
			a.size, a.mode = info.Size(), info.Mode()
			all = append(all, a)
		}
	}
	if len(missing) > 0 {
		errs = append(errs, fmt.Errorf("missing: %s", strings.Join(missing, ", ")))
	}
	return all, errors.Join(errs...)
}

// A digest is a file's SHA-256.
type digest [sha256.Size]byte

// String returns the digest in the form of GitHub and OCI.
func (d digest) String() string { return fmt.Sprintf("sha256:%x", d[:]) }

// digestOf computes the digest of a file.
func digestOf(ctx context.Context, path string) (digest, error) {
	f, err := regular.Open(path)
	if err != nil {
		return digest{}, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, streams.WithContext(ctx, f)); err != nil {
		return digest{}, fmt.Errorf("%s: %w", path, err)
	}
	return digest(sum.Sum(nil)), nil
}
