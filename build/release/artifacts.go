package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/bundle"
	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/parallel"
)

// A stamp is what an artifact was made from, and what it was.
type stamp struct {
	Key   string
	Files []stampedFile
}

type stampedFile struct {
	Path   string // as the plan has it
	Digest v1.Hash
}

// holds says whether an earlier run made the file from the same things, and
// nobody has changed it since.
func (b *Builder) holds(ctx context.Context, planned, key string) bool {
	raw, ok := b.bench.Cache.Record(ctx, "artifact", b.path(planned))
	var s stamp
	if !ok || json.Unmarshal(raw, &s) != nil || s.Key != key {
		return false
	}
	have := b.folder.Files(planned)
	for i, f := range s.Files {
		if i >= len(have) || have[i] != f.Path {
			return false
		}
		if digest, _, err := b.fileDigest(ctx, f.Path); err != nil || digest != f.Digest {
			return false
		}
	}
	return len(have) > 0 && len(have) == len(s.Files)
}

// made reports a file, and remembers what it was made from if there is a key.
func (b *Builder) made(ctx context.Context, m Made, key string) error {
	s, planned := stamp{Key: key}, m.Path
	for _, file := range b.folder.Files(planned) {
		digest, size, err := b.fileDigest(ctx, file)
		if err != nil {
			return err
		}
		m.Path, m.Digest, m.Size = file, digest.String(), size
		b.report.add(m)
		s.Files = append(s.Files, stampedFile{file, digest})
	}
	if key == "" {
		return nil
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return b.bench.Cache.SetRecord("artifact", b.path(planned), raw)
}

func (b *Builder) fileDigest(ctx context.Context, planned string) (v1.Hash, int64, error) {
	info, err := os.Lstat(b.path(planned))
	if err != nil {
		return v1.Hash{}, 0, err
	}
	digest, err := b.bench.Cache.FileDigest(ctx, b.path(planned), info)
	return digest, info.Size(), err
}

// packageBundles puts released binaries into dist/artifacts and writes bundles.
func (b *Builder) packageBundles(ctx context.Context) error {
	binaries, err := b.compile(ctx, b.Plan.Binaries)
	if err != nil {
		return err
	}
	var errs []error
	for _, binary := range binaries {
		if binary.step.Artifact != "" {
			errs = append(errs, b.releaseBinary(ctx, binary))
		}
	}
	errs = append(errs, parallel.Each(ctx, len(b.Plan.Bundles), b.options.Jobs, func(i int) error { return b.bundle(ctx, b.Plan.Bundles[i]) }))
	return errors.Join(errs...)
}

// releaseBinary copies a binary to the name that install scripts look for.
func (b *Builder) releaseBinary(ctx context.Context, binary builtBinary) error {
	made := Made{Kind: "bundle", Name: binary.step.Name, Platform: binary.step.Platform, Path: binary.step.Artifact}
	if !b.holds(ctx, made.Path, binary.digest.String()) {
		if err := output.CopyFile(b.path(binary.step.Output), b.path(made.Path), 0o755); err != nil {
			return err
		}
	}
	return b.made(ctx, made, binary.digest.String())
}

// bundle writes a bundle in all its formats.
func (b *Builder) bundle(ctx context.Context, step plan.BundleStep) error {
	var (
		files []bundle.File
		errs  []error
	)
	for _, f := range step.Files {
		mode, err := b.bundleMode(f)
		errs = append(errs, err, b.Config.CheckInside(f.Source))
		files = append(files, bundle.File{Source: b.path(f.Source), Path: bundlePath(f), Mode: mode, Config: f.Config})
	}
	key, err := b.bundleKey(ctx, step, files)
	if err := errors.Join(append(errs, err)...); err != nil {
		return fmt.Errorf("bundle %s for %s: %w", step.Name, step.Platform, err)
	}
	if err := os.MkdirAll(b.path("dist/artifacts"), 0o755); err != nil {
		return err
	}
	scripts := map[string]string{}
	for name, script := range step.Package.Scripts {
		scripts[name] = b.path(script)
	}
	pkg := bundle.Package{
		Name: step.Name, Version: b.Plan.Release.Version, Arch: step.Platform.Architecture, Platform: step.Platform.OS,
		Maintainer: step.Package.Maintainer, Description: step.Package.Description, Homepage: step.Package.Homepage,
		License: step.Package.License, Vendor: step.Package.Vendor, Section: step.Package.Section,
		Depends: step.Package.Depends, Recommends: step.Package.Recommends, Conflicts: step.Package.Conflicts,
		Provides: step.Package.Provides, Replaces: step.Package.Replaces, Scripts: scripts,
	}
	for _, output := range step.Outputs {
		if !b.holds(ctx, output, key) {
			if err := bundle.Write(ctx, b.path(output), files, pkg, b.Plan.Release.Epoch); err != nil {
				return fmt.Errorf("bundle %s for %s: %w", step.Name, step.Platform, err)
			}
		}
		if err := b.made(ctx, Made{Kind: "bundle", Name: step.Name, Platform: step.Platform, Path: output}, key); err != nil {
			return err
		}
	}
	return nil
}

// bundlePath is where a file stands in a bundle.
func bundlePath(f config.BundleFile) string {
	if f.Path == "" {
		return path.Base(f.Source)
	}
	return f.Path
}

// bundleMode is a file's mode: that of slipway.yaml, else 0755 for binaries.
func (b *Builder) bundleMode(f config.BundleFile) (fs.FileMode, error) {
	if f.Mode == "" {
		if strings.HasPrefix(path.Clean(f.Source), "dist/bin/") {
			return 0o755, nil
		}
		return 0o644, nil
	}
	mode, err := strconv.ParseUint(f.Mode, 8, 12)
	if err != nil {
		return 0, fmt.Errorf("file %s: mode %q: want octal digits such as 0644", f.Source, f.Mode)
	}
	return fs.FileMode(mode), nil
}

// bundleKey names what a bundle is made from: the step, and the content of every
// file below its sources.
func (b *Builder) bundleKey(ctx context.Context, step plan.BundleStep, files []bundle.File) (string, error) {
	var (
		content []string
		errs    []error
	)
	sources := make([]string, 0, len(files)+len(step.Package.Scripts))
	for _, f := range files {
		sources = append(sources, f.Source)
	}
	for _, name := range slices.Sorted(maps.Keys(step.Package.Scripts)) {
		sources = append(sources, b.path(step.Package.Scripts[name]))
	}
	for _, source := range sources {
		// A source may be a link, which the bundle follows.
		if resolved, err := filepath.EvalSymlinks(source); err == nil {
			source = resolved
		}
		err := filepath.WalkDir(source, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			id := ""
			switch info.Mode().Type() {
			case 0:
				digest, err := b.bench.Cache.FileDigest(ctx, file, info)
				if err != nil {
					return err
				}
				id = digest.String()
			case fs.ModeSymlink:
				if id, err = os.Readlink(file); err != nil {
					return err
				}
			default:
				return fmt.Errorf("not a file, folder or symbolic link: %s", file)
			}
			// Quoted, since JSON replaces bytes that are not UTF-8.
			content = append(content, strconv.Quote(file), images.ContextMode(info.Mode()).String(), strconv.Quote(id))
			return nil
		})
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	return hashOf(struct {
		Version int
		Release version.Release
		Step    plan.BundleStep
		Content []string
	}{bundleVersion, b.Plan.Release, step, content})
}

// writeChecksums writes, last of all, the checksums of every artifact of an
// architecture that is there, whichever run made it.
func (b *Builder) writeChecksums(ctx context.Context) error {
	var errs []error
	for _, step := range b.Plan.Checksums {
		lines, err := b.checksums(ctx, step)
		if err == nil {
			err = output.WriteFile(b.path(step.Output), []byte(lines))
		}
		if err == nil {
			err = b.made(ctx, Made{Kind: "checksums", Name: step.Arch, Path: step.Output}, "")
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// checksums is the text of a checksum file, as sha256sum writes it: bare names,
// sorted.
func (b *Builder) checksums(ctx context.Context, step plan.SumStep) (string, error) {
	var lines []string
	for _, f := range b.full.Artifacts() {
		if f.Platform.Architecture != step.Arch {
			continue
		}
		for _, file := range b.folder.Files(f.Path) { // none, if it is another run's part
			digest, ok := b.report.digest(file)
			if !ok {
				var err error
				if digest, _, err = b.fileDigest(ctx, file); err != nil {
					return "", err
				}
			}
			lines = append(lines, digest.Hex+"  "+path.Base(file)+"\n")
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	return strings.Join(slices.Compact(lines), ""), nil
}
