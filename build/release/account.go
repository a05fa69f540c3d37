package release

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/why"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/glob"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
)

// An account collects the inputs of one target. Keys and stamps, which decide, cover the same inputs.
type account struct {
	why.Inputs
	// files are the files of a module or of contexts, and outputs what the target has made.
	files, outputs why.Inputs
	r              *Release
	// own are the paths and tags of what the release makes.
	own map[string]bool
	// record is that of the last run, which names the base images to look up. It is nil while a run makes the target: then
	// the builder has looked them up.
	record *why.Record
}

// sourcesOf returns the files of a module with their digests.
func (r *Release) sourcesOf(ctx context.Context, dir, gowork string) ([]why.Input, error) {
	files, err := r.compiler().Sources(dir, gowork)
	if err != nil {
		return nil, err
	}
	sources := make([]why.Input, len(files))
	err = parallel.Each(ctx, len(files), r.options.Jobs, func(i int) error {
		digest, err := contentDigest(ctx, files[i])
		sources[i] = why.Input{Kind: why.File, Name: r.inProject(files[i]), Value: digest}
		return err
	})
	return sources, err
}

// contentDigest returns the digest of a file, without the cache of digests, which would have an entry for each file of a
// module. That of a link to a folder is of its target.
func contentDigest(ctx context.Context, file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil || info.IsDir() {
		target, err := os.Readlink(file)
		return digestOf([]byte(target)), err
	}
	f, err := regular.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, streams.WithContext(ctx, f))
	return fmt.Sprintf("sha256:%x", h.Sum(nil)), err
}

// inProject returns a path relative to the project, with slashes, or the path itself if it is elsewhere.
func (r *Release) inProject(file string) string {
	for _, folder := range []struct{ dir, name string }{{r.path("dist"), "dist"}, {r.Config.Dir, ""}} {
		abs, err := filepath.Abs(folder.dir)
		if err != nil {
			continue
		}
		if rel, err := filepath.Rel(abs, file); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(filepath.Join(folder.name, rel))
		}
	}
	return filepath.ToSlash(file)
}

// hooks adds the hooks before a step, and those before everything: their inputs, and their settings.
func (a *account) hooks(ctx context.Context, before []plan.HookStep) error {
	for i, h := range withoutSource(plan.Hooks{Before: a.r.full.Before}).Before {
		var settings why.Inputs
		settings.Secrets = a.Secrets
		if err := settings.AddSettings(h.Hook); err != nil {
			return err
		}
		for _, s := range settings.List() {
			a.Add(s.Kind, fmt.Sprintf("before everything[%d].%s", i, s.Name), s.Value)
		}
	}
	for _, h := range slices.Concat(a.r.full.Before, before) {
		set, err := glob.New(h.Inputs...)
		if err != nil {
			return err
		}
		err = set.Walk(a.r.path, func(path string, entry fs.DirEntry) error {
			if entry.IsDir() {
				return nil
			}
			return a.file(ctx, &a.Inputs, a.r.path(path), nil)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// fetched adds the files of other projects that a step may read.
func (a *account) fetched(reads func(path string) bool) {
	for _, f := range a.r.full.Fetches {
		if reads(f.Path) {
			a.Add(why.Fetched, f.Path, "sha256:"+f.SHA256)
		}
	}
}

// file adds a file, and its mode if it is given. What the release makes itself counts as made.
func (a *account) file(ctx context.Context, to *why.Inputs, file string, mode *fs.FileMode) error {
	name, kind := a.r.inProject(file), why.File
	if a.own[name] || a.own[format.Whole(name)] {
		kind, to = why.Made, &a.Inputs // explainer looks for them there
	}
	digest, _, err := a.r.sourceDigest(ctx, file)
	if err != nil {
		if target, linkErr := os.Readlink(file); linkErr == nil {
			to.Add(kind, name, digestOf([]byte(target)))
			return nil
		}
		return err
	}
	to.Add(kind, name, digest.String())
	if mode != nil {
		to.Add(why.Mode, name, fmt.Sprintf("%04o", mode.Perm()))
	}
	return nil
}

// made adds what the target has made: files with their parts, or an image of dist/oci.
func (a *account) made(ctx context.Context, outputs []string) {
	for _, planned := range outputs {
		files := a.r.folder.Files(planned)
		if _, ok := a.r.full.Image(planned); ok {
			files = []string{planned}
		}
		for _, file := range files {
			a.output(ctx, file)
		}
	}
}

// still adds what is left of the outputs of an earlier run.
func (a *account) still(ctx context.Context, outputs []why.Input) {
	for _, output := range outputs {
		a.output(ctx, output.Name)
	}
}

// output adds a file or the tag of an image with its digest, unless it is missing.
func (a *account) output(ctx context.Context, name string) {
	if digest := a.r.ownDigest(ctx, name); digest != "" {
		a.outputs.Add(why.Output, name, digest)
	} else if digest, _, err := a.r.fileDigest(ctx, name); err == nil {
		a.outputs.Add(why.Output, name, digest.String())
	}
}
