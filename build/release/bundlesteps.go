package release

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/bundle"
	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/internal/glob"
	"github.com/slipway-build/slipway/internal/parallel"
)

// A stamp records the key that an artifact was made with, and its files.
type stamp struct {
	Key   string
	Files []stampedFile
}

type stampedFile struct {
	Path   string // a path of the plan
	Digest v1.Hash
}

// holds reports whether an earlier run made the artifact with the same key, and its files are unchanged.
func (r *Release) holds(ctx context.Context, planned, key string) bool {
	raw, ok := r.bench.Cache.Record(ctx, "artifact", r.path(planned))
	var s stamp
	if !ok || json.Unmarshal(raw, &s) != nil || s.Key != key {
		return false
	}
	have := r.folder.Files(planned)
	for i, f := range s.Files {
		if i >= len(have) || have[i] != f.Path {
			return false
		}
		if digest, _, err := r.fileDigest(ctx, f.Path); err != nil || digest != f.Digest {
			return false
		}
	}
	return len(have) > 0 && len(have) == len(s.Files)
}

// made reports an artifact, and stamps it if key is not empty.
func (r *Release) made(ctx context.Context, m Made, key string) error {
	s, planned := stamp{Key: key}, m.Path
	for _, file := range r.folder.Files(planned) {
		digest, size, err := r.fileDigest(ctx, file)
		if err != nil {
			return err
		}
		m.Path, m.Digest, m.Size = file, digest.String(), size
		r.report.add(m)
		s.Files = append(s.Files, stampedFile{file, digest})
	}
	if key == "" {
		return nil
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return r.bench.Cache.SetRecord("artifact", r.path(planned), raw)
}

func (r *Release) fileDigest(ctx context.Context, planned string) (v1.Hash, int64, error) {
	info, err := os.Lstat(r.path(planned))
	if err != nil {
		return v1.Hash{}, 0, err
	}
	digest, err := r.bench.Cache.FileDigest(ctx, r.path(planned), info)
	return digest, info.Size(), err
}

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

// releaseBinary copies a binary to its name in dist/artifacts, which install scripts look for.
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
	for _, output := range step.Outputs {
		if !r.holds(ctx, output, key) {
			if err := bundle.Write(ctx, r.path(output), files, pkg, r.Plan.Release.Epoch); err != nil {
				return fmt.Errorf("bundle %s for %s: %w", step.Name, step.Platform, err)
			}
		}
		if err := r.made(ctx, Made{Kind: "bundle", Name: step.Name, Platform: step.Platform, Path: output}, key); err != nil {
			return err
		}
	}
	return nil
}

// bundleFile returns a file of a bundle with its place on disk.
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
	// A name with brackets may also be that of a file.
	if _, err := os.Lstat(file.Source); err != nil && glob.IsPattern(f.Source) {
		folder, pattern := glob.Split(f.Source)
		file.Source, file.Include = r.path(folder), []string{pattern}
	}
	return file
}

// bundleMode returns the mode of a file: that of slipway.yaml, or else 0755 for binaries and 0644 for others.
func bundleMode(f config.BundleFile) fs.FileMode {
	switch {
	case f.Mode != "":
		return config.Mode(f.Mode)
	case strings.HasPrefix(path.Clean(f.Source), "dist/bin/"):
		return 0o755
	}
	return 0o644
}

// bundleKey returns the key of a bundle: its step, and the content of all files that it is made of.
func (r *Release) bundleKey(ctx context.Context, step plan.BundleStep, files []bundle.File) (string, error) {
	var (
		content []string
		errs    []error
	)
	packed, err := bundle.Contents(r.path("dist/artifacts/bundle"), files)
	errs = append(errs, err)
	for _, name := range slices.Sorted(maps.Keys(step.Package.Scripts)) {
		packed = append(packed, bundle.Content{Source: r.path(step.Package.Scripts[name])})
	}
	for _, c := range packed {
		id := c.Link
		if c.Source != "" {
			info, err := os.Stat(c.Source)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			digest, err := r.bench.Cache.FileDigest(ctx, c.Source, info)
			errs = append(errs, err)
			id = digest.String()
		}
		// Quote names, since JSON replaces bytes that are not UTF-8.
		content = append(content, strconv.Quote(c.Path), c.Mode.String(), strconv.Quote(id))
	}
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	return hashOf(struct {
		Version int
		Release version.Release
		Step    plan.BundleStep
		Content []string
	}{bundleVersion, r.Plan.Release, step, content})
}

// writeChecksums writes the checksums of all artifacts that exist, whichever run has made them, after all other
// artifacts.
func (r *Release) writeChecksums(ctx context.Context) error {
	var errs []error
	for _, step := range r.Plan.Checksums {
		lines, err := r.checksums(ctx, step)
		if err == nil {
			err = output.WriteFile(r.path(step.Output), []byte(lines))
		}
		if err == nil {
			err = r.made(ctx, Made{Kind: "checksums", Name: cmp.Or(step.Arch, r.Plan.Project), Path: step.Output}, "")
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// checksums returns the content of a checksum file in the format of sha256sum: names without folders, sorted.
func (r *Release) checksums(ctx context.Context, step plan.SumStep) (string, error) {
	var lines []string
	for _, f := range r.full.Artifacts() {
		if !step.Has(f.Platform) {
			continue
		}
		for _, file := range r.folder.Files(f.Path) { // none, if another run has to make it
			digest, ok := r.report.digest(file)
			if !ok {
				var err error
				if digest, _, err = r.fileDigest(ctx, file); err != nil {
					return "", err
				}
			}
			lines = append(lines, digest.Hex+"  "+path.Base(file)+"\n")
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	return strings.Join(slices.Compact(lines), ""), nil
}
