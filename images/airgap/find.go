package airgap

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/ranges"
)

// A Found is the result of Find.
type Found struct {
	// Archive is the open archive of the image.
	Archive *Archive
	Image   *PackedImage
}

// Close closes the archive, so that the image cannot be read any more.
func (f *Found) Close() error { return f.Archive.Close() }

// Find looks for an image in archives and in folders of archives. It searches a folder as RKE2 does:
// files with the name of an archive, sorted by name, without those whose name begins with a dot. It
// returns the image of the first archive that has it; the caller closes it. A reference pinned by digest
// is looked for by the name that format.Tag returns.
//
// If platform is nil, the archive must have the image for a single platform.
//
// If no archive has the image, the error wraps fs.ErrNotExist. It lists the archives that were searched, and similar
// names in them. As on a node, an archive that cannot be read does not end the search; the error tells of it.
func Find(ctx context.Context, ref name.Reference, platform *v1.Platform, paths []string) (*Found, error) {
	tag, err := format.Tag(ref)
	if err != nil {
		return nil, err
	}
	files, err := ListArchives(paths)
	if err != nil {
		return nil, err
	}
	want := images.Qualified(tag)
	miss := &missingImage{name: images.Familiar(tag), want: want, paths: paths, files: files}
	for _, file := range files {
		a, err := Open(ctx, file)
		if err != nil {
			miss.errs = append(miss.errs, err)
			continue
		}
		img, names, err := a.find(ctx, want, platform)
		if img != nil {
			return &Found{Archive: a, Image: img}, nil
		}
		a.Close()
		if ctxErr := context.Cause(ctx); ctxErr != nil {
			return nil, ctxErr
		}
		if err != nil {
			miss.errs = append(miss.errs, err)
		}
		miss.have = append(miss.have, names...)
	}
	return nil, miss
}

// ListArchives returns the archives at paths. A path of a file is an archive, whatever its name. In a folder
// and the folders below it, the archives are the files that nodes would read, sorted by name. A split archive
// is listed once, by the path of the whole. A URL is an archive on a web server, whether it exists or not.
func ListArchives(paths []string) ([]string, error) {
	var (
		files []string
		errs  []error
	)
	for _, path := range paths {
		if whole, ok := format.WholeOf(path); ok {
			if !slices.Contains(files, whole) {
				files = append(files, whole)
			}
			continue
		}
		if ranges.IsURL(path) {
			files = append(files, path)
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		// WalkDir sorts by name.
		errs = append(errs, filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
				return err
			}
			if whole, _, ok := format.PartOf(file); ok {
				file = whole
			}
			if _, ok := format.CodecOf(file); ok && !slices.Contains(files, file) {
				files = append(files, file)
			}
			return nil
		}))
	}
	return files, errors.Join(errs...)
}

// find looks for an image by its qualified name. If the archive does not have it, find returns all names in
// the archive; it has then read only the views.
func (a *Archive) find(ctx context.Context, want string, platform *v1.Platform) (*PackedImage, []string, error) {
	names, err := a.names(ctx)
	if err != nil {
		return nil, nil, err
	}
	if !slices.Contains(names, want) {
		return nil, names, nil
	}
	named := func(names []string) bool { return slices.Contains(names, want) }
	list, artifacts, err := a.contents(ctx, named)
	if err != nil {
		return nil, nil, err
	}
	list = slices.DeleteFunc(list, func(img *PackedImage) bool { return !named(img.Names) })
	if len(list) == 0 && len(artifacts) > 0 {
		return nil, nil, a.wrap(errors.New(artifacts[0].String()))
	}
	img, err := Choose(list, platform)
	if err != nil {
		return nil, nil, a.wrap(fmt.Errorf("image %s: %w", want, err))
	}
	return img, nil, nil
}

// names returns the names in manifest.json, or in index.json if there is no manifest.json, as nodes do.
// Looking for a second view would read an archive that is not seekable to its end.
func (a *Archive) names(ctx context.Context) ([]string, error) {
	var all []string
	entries, err := a.dockerView(ctx)
	switch {
	case err == nil:
		for _, e := range entries {
			all = append(all, a.namesOf(ctx, e)...)
		}
	case errors.Is(err, fs.ErrNotExist):
		idx, err := a.ociView(ctx)
		if err != nil {
			return nil, a.noImages(err)
		}
		for _, d := range idx.Manifests {
			if n := format.DescriptorName(d); n != "" {
				all = append(all, n)
			}
		}
	default:
		return nil, err
	}
	return all, nil
}

// Choose returns the image for a platform from images with the same name. If platform is nil, there must be one.
func Choose(list []*PackedImage, platform *v1.Platform) (*PackedImage, error) {
	var offered []v1.Platform
	for _, img := range list {
		offered = append(offered, img.Platform)
	}
	if platform != nil {
		i, err := images.SelectPlatform(*platform, offered)
		if err != nil {
			return nil, err
		}
		return list[i], nil
	}
	switch len(list) {
	case 0:
		return nil, errors.New("the archive has the name, but not for an image")
	case 1:
		return list[0], nil
	}
	var platforms []string
	for _, p := range offered {
		platforms = append(platforms, images.FormatPlatform(p))
	}
	return nil, fmt.Errorf("it exists for several platforms; choose one of %s", strings.Join(platforms, ", "))
}

// A missingImage is the error for an image that was not found. It wraps fs.ErrNotExist.
type missingImage struct {
	name, want   string
	paths, files []string
	have         []string // qualified names
	errs         []error  // of archives that could not be searched
}

func (m *missingImage) Error() string {
	var b strings.Builder
	switch len(m.files) {
	case 0:
		fmt.Fprintf(&b, "no archive to look for image %s in: %s has no file called *.tar, *.tar.zst, *.tar.gz or *.tar.bz2", m.name, strings.Join(m.paths, ", "))
	case 1:
		fmt.Fprintf(&b, "archive %s has no image %s", m.files[0], m.name)
	default:
		fmt.Fprintf(&b, "none of %d archives has image %s: %s", len(m.files), m.name, strings.Join(m.files, ", "))
	}
	if near := format.Similar(m.want, m.have); len(near) > 0 {
		fmt.Fprintf(&b, "; similar names are %s", strings.Join(near, ", "))
	}
	for _, err := range m.errs {
		fmt.Fprintf(&b, "\n%v", err)
	}
	return b.String()
}

func (m *missingImage) Unwrap() []error { return append(m.errs, fs.ErrNotExist) }
