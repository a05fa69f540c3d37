package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/usage"
)

// Options are the user's choices for a checkout.
type Options struct {
	// From is the tool, one of convert.Tools, whose file is converted and must exist. Empty means the first file that
	// exists.
	From string
	// Module is the folder of the Go module to release, relative to the checkout. Empty means to find it.
	Module string
	// Choose asks the user which of several modules to release, by their folders. It returns io.EOF if there is no
	// answer. Nil means that nobody can be asked.
	Choose func(ctx context.Context, dirs []string) (string, error)
	// Schema is the URL of the schema of slipway.yaml for editors. Empty means SchemaURL.
	Schema string
}

// SchemaURL is the URL of the schema of the branch main.
const SchemaURL = config.SchemaURL

// A Result describes the files that Init wrote.
type Result struct {
	// Path is the path of slipway.yaml.
	Path string
	// Files are the paths of other new files, such as Dockerfiles.
	Files []string
	// Notes are the lines that need a look, as FILE:LINE: TEXT, in the order of the file: what is uncertain, what was
	// not converted, and what to do outside of the file.
	Notes []string
}

var noteLine = regexp.MustCompile(`# ((?:unsure|not converted|note): .*)$`)

// Init writes a slipway.yaml with comments for the project in dir. It replaces no file, and checks the new file with
// config.Load.
func Init(ctx context.Context, dir string, o Options) (Result, error) {
	path := filepath.Join(dir, config.FileName)
	if info, err := os.Stat(dir); err != nil {
		return Result{}, usage.Wrap(fmt.Errorf("surveying: %w", err))
	} else if !info.IsDir() {
		return Result{}, usage.Errorf("surveying %s: it is a file, want a folder", dir)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("writing %s: it exists already; remove it first to write a new one", path)
		}
		return Result{}, err
	}
	p, err := readProject(ctx, dir, o)
	if err != nil {
		return Result{}, err
	}
	text := p.Text()
	result := Result{Path: path}
	for _, name := range slices.Sorted(maps.Keys(p.NewFiles)) {
		result.Files = append(result.Files, filepath.Join(dir, name))
	}
	if err := writeAll(ctx, dir, path, text, p.NewFiles); err != nil {
		return Result{}, err
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if m := noteLine.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			result.Notes = append(result.Notes, fmt.Sprintf("%s:%d: %s", path, number, m[1]))
		}
	}
	return result, nil
}

// writeAll writes slipway.yaml and the other new files, or nothing. It replaces no file.
func writeAll(ctx context.Context, dir, path, text string, files map[string]string) (err error) {
	var written []string
	defer func() {
		if err != nil {
			for _, file := range written {
				fileop.Remove(file)
			}
		}
	}()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := filepath.Join(dir, name)
		f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return fmt.Errorf("writing %s: %w", file, err)
		}
		written = append(written, file)
		_, err = f.WriteString(files[name])
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("writing %s: %w", file, err)
		}
	}
	return write(ctx, dir, path, text)
}

// write writes the file, and renames it to path once config.Load accepts it.
func write(ctx context.Context, dir, path, text string) error {
	temp, err := os.CreateTemp(dir, ".slipway-init-*.yaml")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer fileop.Remove(temp.Name()) // it does nothing after the rename
	_, err = temp.WriteString(text)
	if err := errors.Join(err, temp.Chmod(0o644), temp.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	// Validity must not depend on the environment.
	if _, err := config.Load(ctx, temp.Name(), func(string) (string, bool) { return "", false }); err != nil {
		// An invalid draft is a bug. Report the path that the file would have got.
		return fmt.Errorf("checking the new %s: %s", path, strings.ReplaceAll(err.Error(), temp.Name(), path))
	}
	if err := fileop.Rename(temp.Name(), path); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
