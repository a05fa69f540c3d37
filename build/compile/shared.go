package compile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/progress"
)

// Shared has binaries that other machines have compiled, by a key of everything that determines their bytes.
type Shared interface {
	// Fetch writes the binary for a key to the new file temp, and returns where it was. If the binary is good, it is
	// renamed to output.
	Fetch(ctx context.Context, key, temp, output string) (place string, ok bool)
	// Share offers the binary at a path, with the digest and size of r, to other machines.
	Share(ctx context.Context, key, path string, r Result)
}

// sharedFormat is part of every key. Change it when this package starts to build or check differently.
const sharedFormat = "slipway binary 1"

// sharedKey returns the key of j's output for all machines, or "" if it may depend on this one. Unlike inputs, it has the
// content of files, and paths relative to the module.
func (m *memory) sharedKey(j *job) string {
	if !m.shares || j.inputs == "" {
		return ""
	}
	files, err := m.tree(j)
	if err != nil {
		return ""
	}
	content, err := files.content()
	if err != nil {
		return "" // go will report the error
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", []string{sharedFormat, m.tool.version, m.toolchain, j.Package, modMode(j.Dir), content})
	fmt.Fprintf(h, "%q %q %q %q %q\n", j.env.list(), j.Tags, j.Ldflags, j.Flags, j.Assert)
	return hex.EncodeToString(h.Sum(nil))
}

// contentOf returns a digest of the content of source files. Their paths in it are relative to dir.
func contentOf(dir string, files []string) (string, error) {
	h := sha256.New()
	for _, file := range files {
		if err := hashSource(h, dir, file); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hashSource writes the path of a file, relative to dir, its type and the digest of its content to w.
func hashSource(w io.Writer, dir, file string) error {
	rel, err := filepath.Rel(dir, file)
	if err != nil {
		return err
	}
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%q %s", filepath.ToSlash(rel), info.Mode().Type())
	if info.Mode()&os.ModeSymlink != 0 {
		// As in treeReader.file.
		if info, err = os.Stat(file); err != nil || info.IsDir() {
			fmt.Fprintln(w)
			return nil
		}
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file: %w", file, errors.ErrUnsupported)
	}
	digest, _, err := hashFile(file)
	fmt.Fprintf(w, " %s\n", digest)
	return err
}

// fetch takes binaries that other machines have compiled, and returns the jobs that remain.
func (c *Compiler) fetch(ctx context.Context, memory *memory, stale []*job, results []Result) []*job {
	if c.shared == nil {
		return stale
	}
	var fetches errgroup.Group
	fetches.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	held := map[string]bool{} // by module
	for _, j := range stale {
		key := memory.sharedKey(j) // reads the files of a module once
		if key == "" {
			continue
		}
		module := j.moduleKey()
		if _, known := held[module]; !known {
			held[module] = memory.held(j)
		}
		if !held[module] {
			continue
		}
		fetches.Go(func() error {
			if r, ok := c.fetchOne(ctx, memory, j, key); ok {
				results[j.index] = r
			}
			return nil
		})
	}
	fetches.Wait()
	return slices.DeleteFunc(slices.Clone(stale), func(j *job) bool { return results[j.index].Path != "" })
}

// fetchOne takes the binary of one job, whose files have not changed since they were read for the key. A binary that cannot
// be used is compiled.
func (c *Compiler) fetchOne(ctx context.Context, memory *memory, j *job, key string) (Result, bool) {
	dir, err := os.MkdirTemp(filepath.Dir(j.Output), temporary)
	if err != nil {
		return Result{}, false // compiling it fails for the same reason, and says so
	}
	defer fileop.RemoveAll(dir)
	path := filepath.Join(dir, filepath.Base(j.Output))
	place, ok := c.shared.Fetch(ctx, key, path, j.Output)
	if !ok {
		return Result{}, false
	}
	r, err := accept(ctx, j, path, memory, true)
	if err != nil {
		progress.Warn(ctx, fmt.Sprintf("%s of the shared cache %s cannot be used, and is compiled: %v", j.Target, place, err))
		return Result{}, false
	}
	b := batch{j}
	task := progress.Start(b.within(ctx), b.title())
	progress.Found(task.Context(ctx), place)
	task.SetCached()
	task.Done(nil)
	return r, true
}
