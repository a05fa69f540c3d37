package bundle

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/progress"
)

// Checksums writes the SHA-256 of each of files to output, in the form of sha256sum, one
// "<hex>  <base name>" a line, sorted by name, so that
//
//	sha256sum -c sha256sum-amd64.txt
//
// checks them in the folder in which all of them lie. An error names everything
// that is missing, and leaves what was at output.
func Checksums(ctx context.Context, output string, files []string) (err error) {
	task := progress.Start(ctx, "checksums "+filepath.Base(output))
	defer func() {
		if err != nil {
			err = fmt.Errorf("checksums %s: %w", output, err)
		}
		task.Done(err)
	}()

	sorted := slices.SortedFunc(slices.Values(files), func(a, b string) int {
		return strings.Compare(filepath.Base(a), filepath.Base(b))
	})
	total, err := checkSummed(output, sorted)
	if err != nil {
		return err
	}
	task.SetTotal(total)

	lines := make([]string, len(sorted))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0)) // one hash keeps one processor busy
	for i, file := range sorted {
		group.Go(func() error {
			f, err := os.Open(file)
			if err != nil {
				return err
			}
			defer f.Close()
			sum := sha256.New()
			if _, err := io.Copy(sum, task.Reader(contextReader{ctx, f})); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			lines[i] = fmt.Sprintf("%x  %s\n", sum.Sum(nil), filepath.Base(file))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	temp, err := newTempFile(output)
	if err != nil {
		return err
	}
	defer temp.discard()
	if _, err := temp.file.WriteString(strings.Join(lines, "")); err != nil {
		return err
	}
	return temp.commit()
}

// checkSummed returns how many bytes files have, or all that keeps them out of one
// list. They are sorted by their base names.
func checkSummed(output string, files []string) (total int64, err error) {
	if len(files) == 0 {
		return 0, errors.New("there is no file to sum, and sha256sum -c refuses an empty list")
	}
	var missing []string
	var errs []error
	for i, file := range files {
		name := filepath.Base(file)
		if i > 0 && filepath.Base(files[i-1]) == name {
			errs = append(errs, fmt.Errorf("%s and %s have the same name, and the list holds no folders", files[i-1], file))
		}
		if strings.ContainsAny(name, "\\\r\n") {
			errs = append(errs, fmt.Errorf("%q: sha256sum spells a backslash or line break in its own way: rename it", file))
		}
		if filepath.Clean(file) == filepath.Clean(output) {
			errs = append(errs, fmt.Errorf("%s: a list cannot hold its own sum", file))
			continue
		}
		info, err := os.Stat(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, file)
		case err != nil:
			errs = append(errs, err)
		case !info.Mode().IsRegular():
			errs = append(errs, fmt.Errorf("%s: want a file, found %s", file, info.Mode().Type()))
		default:
			total += info.Size()
		}
	}
	if len(missing) > 0 {
		errs = append(errs, fmt.Errorf("missing: %s", strings.Join(missing, ", ")))
	}
	return total, errors.Join(errs...)
}
