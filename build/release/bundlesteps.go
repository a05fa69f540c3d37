package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/build/bundle"
	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/internal/glob"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/progress"
)

// packageBundles copies released binaries to dist/artifacts, and writes bundles.
func (r *Release) packageBundles(ctx context.Context) error {
	binaries, err := r.compile(ctx, r.Plan.Binaries)
	if err != nil {
		return err
	}
	var errs []error
	for _, binary := range binaries {
		if binary.step.Artifact != "" {
			errs = append(errs, r.releaseBinary(ctx, binary))
		}
	}
	errs = append(errs, parallel.Each(ctx, len(r.Plan.Bundles), r.options.Jobs, func(i int) error { return r.bundle(ctx, r.Plan.Bundles[i]) }))
	return errors.Join(errs...)
}

// releaseBinary copies a binary to dist/artifacts, under the name that install scripts look for.
func (r *Release) releaseBinary(ctx context.Context, binary builtBinary) error {
	made := Made{Kind: "bundle", Name: binary.step.Name, Platform: binary.step.Platform, Path: binary.step.Artifact}
	if !r.holds(ctx, made.Path, binary.digest.String()) {
		if err := output.CopyFile(r.path(binary.step.Output), r.path(made.Path), 0o755); err != nil {
			return err
		}
	}
	return r.made(ctx, made, binary.digest.String())
}

// bundle writes a bundle in all its formats.
func (r *Release) bundle(ctx context.Context, step plan.BundleStep) error {
	ctx = progress.Within(ctx, r.bundleTarget(step).stepName())
	var (
		files []bundle.File
		errs  []error
	)
	for _, f := range step.Files {
		if f.Type == "" {
			errs = append(errs, r.Config.CheckInside(f.Source))
		}
		files = append(files, r.bundleFile(f))
	}
	key, err := r.bundleKey(ctx, step, files)
	if err := errors.Join(append(errs, err)...); err != nil {
		return fmt.Errorf("bundle %s for %s: %w", step.Name, step.Platform, err)
	}
	if err := os.MkdirAll(r.path("dist/artifacts"), 0o755); err != nil {
		return err
	}
	scripts := map[string]string{}
	for name, script := range step.Package.Scripts {
		scripts[name] = r.path(script)
	}
	pkg := bundle.Package{
		Name: step.Name, Version: r.Plan.Release.Version, Arch: step.Platform.Architecture, Platform: step.Platform.OS,
		Maintainer: step.Package.Maintainer, Description: step.Package.Description, Homepage: step.Package.Homepage,
		License: step.Package.License, Vendor: step.Package.Vendor, Section: step.Package.Section,
		Depends: step.Package.Depends, Recommends: step.Package.Recommends, Conflicts: step.Package.Conflicts,
		Provides: step.Package.Provides, Replaces: step.Package.Replaces, Scripts: scripts,
	}
	held := true
	for _, output := range step.Outputs {
		if !r.holds(ctx, output, key) {
			held = false
			if err := bundle.Write(ctx, r.path(output), files, pkg, r.Plan.Release.Epoch, r.observe(ctx, output)); err != nil {
				return fmt.Errorf("bundle %s for %s: %w", step.Name, step.Platform, err)
			}
		}
		if err := r.made(ctx, Made{Kind: "bundle", Name: step.Name, Platform: step.Platform, Path: output}, key); err != nil {
			return err
		}
	}
	r.note(ctx, r.bundleTarget(step), held)
	return nil
}

// bundleFile returns a file of a bundle, with its path on disk.
func (r *Release) bundleFile(f config.BundleFile) bundle.File {
	file := bundle.File{Path: cmp.Or(f.Path, path.Base(f.Source)), Exclude: f.Exclude, Config: f.Config}
	switch f.Type {
	case "dir":
		file.Folder, file.Mode = true, config.Mode(f.Mode)
		return file
	case "symlink":
		file.Link = f.Source
		return file
	}
	file.Source, file.Mode = r.path(f.Source), bundleMode(f)
	// The name of a file may contain brackets, too.
	if _, err := os.Lstat(file.Source); err != nil && glob.IsPattern(f.Source) {
		folder, pattern := glob.Split(f.Source)
		file.Source, file.Include = r.path(folder), []string{pattern}
	}
	return file
}

// bundleMode returns the mode of a file: the one in slipway.yaml, or else 0755 for binaries and 0644 for other files.
func bundleMode(f config.BundleFile) fs.FileMode {
	switch {
	case f.Mode != "":
		return config.Mode(f.Mode)
	case strings.HasPrefix(path.Clean(f.Source), "dist/bin/"):
		return 0o755
	}
	return 0o644
}

// bundleKey returns the key of a bundle: its step, and the content of all its files.
func (r *Release) bundleKey(ctx context.Context, step plan.BundleStep, files []bundle.File) (string, error) {
	var (
		content, sources []string
		errs             []error
	)
	packed, err := bundle.Contents(r.path("dist/artifacts/bundle"), files)
	errs = append(errs, err)
	for _, name := range slices.Sorted(maps.Keys(step.Package.Scripts)) {
		packed = append(packed, bundle.Content{Source: r.path(step.Package.Scripts[name])})
	}
	for _, c := range packed {
		id := c.Link
		if c.Source != "" {
			digest, _, err := r.sourceDigest(ctx, c.Source)
			errs = append(errs, err)
			id = digest.String()
		}
		// Quote names, since JSON replaces bytes that are not UTF-8.
		sources = append(sources, c.Source)
		content = append(content, strconv.Quote(c.Path), c.Mode.String(), strconv.Quote(id))
	}
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	r.noteBundle(step, sources)
	return hashOf(struct {
		Version int
		Release version.Release
		Step    plan.BundleStep
		Content []string
	}{bundleVersion, r.Plan.Release, step, content})
}
