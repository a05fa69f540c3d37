package olds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/build/workbench/runtimes"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/cost"
	"github.com/slipway-build/slipway/images/airgap/delta"
	"github.com/slipway-build/slipway/images/source"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

type takeFunc = func(layer delta.FileID, content io.Reader) error

// A reader reads layers of images.
type reader struct {
	take takeFunc
	// wanted are the layers that are still needed, by SHA-256, and names the images that the delta says have them. For a
	// delta that is to be made, both are nil, and all layers for the platforms are needed: the original ones, or
	// decompressed ones.
	wanted    map[string]delta.FileID
	names     []string
	platforms []v1.Platform
	original  bool
	// list, if it is set, gets the images for the platforms, whose layers are then not read.
	list func(cost.OldImage)
	// taken are the layers that were read, by SHA-256.
	taken map[string]bool
	// matched is the number of images for the platforms.
	matched int
	// failed are the reasons why images were not found, which matter if a layer is missing in the end.
	failed []error
}

func newReader(wanted []delta.FileID, take takeFunc) *reader {
	r := &reader{take: take, taken: map[string]bool{}}
	if wanted == nil {
		return r
	}
	r.wanted = map[string]delta.FileID{}
	for _, l := range wanted {
		r.wanted[l.SHA256] = l
		if !slices.Contains(r.names, l.Name) {
			r.names = append(r.names, l.Name)
		}
	}
	return r
}

// making reports whether a delta is to be made.
func (r *reader) making() bool { return r.wanted == nil }

// needs reports whether an image may have a layer that is needed. name is that of the image in the delta, or empty if it is
// not known.
func (r *reader) needs(name string) bool {
	if name == "" {
		return r.making() || len(r.wanted) > 0
	}
	for _, l := range r.wanted {
		if l.Name == name {
			return true
		}
	}
	return false
}

// failure returns why images were not found, if layers are missing.
func (r *reader) failure() error {
	if r.making() || len(r.wanted) > 0 {
		return errors.Join(r.failed...)
	}
	return nil
}

// old reads the layers of one old.
func (r *reader) old(ctx context.Context, w *workbench.Workbench, old string) error {
	if !r.needs("") {
		return nil
	}
	if isFile(old) {
		return r.archives(ctx, old)
	}
	if address, ok := strings.CutPrefix(old, containerdPrefix); ok {
		return r.node(ctx, address)
	}
	host, ok := strings.CutPrefix(old, registryPrefix)
	if !ok {
		return r.reference(ctx, w, old, "")
	}
	if r.making() {
		return usage.Errorf("%s: only a delta says which images that means; name the old images with docker-image://REF, or with -f LIST.txt", old)
	}
	for _, name := range r.names {
		ref := name
		if host != "" {
			_, rest, _ := strings.Cut(name, "/")
			ref = strings.TrimSuffix(host, "/") + "/" + rest
		}
		if err := r.reference(ctx, w, "docker-image://"+ref, name); err != nil {
			return err
		}
	}
	return nil
}

// archives reads the layers of an archive, or of the archives in a folder.
func (r *reader) archives(ctx context.Context, path string) error {
	files, err := airgap.ListArchives([]string{path})
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := r.archive(ctx, file); err != nil {
			return fmt.Errorf("archive %s: %w", file, err)
		}
	}
	return nil
}

func (r *reader) archive(ctx context.Context, file string) error {
	a, err := airgap.Open(ctx, file)
	if err != nil {
		return err
	}
	defer a.Close()
	list, _, err := a.Contents(ctx)
	if err != nil {
		return err
	}
	for _, packed := range list {
		image, err := packed.Image(ctx)
		if err != nil {
			return err
		}
		if err := r.image(strings.Join(packed.Names[:min(1, len(packed.Names))], ""), image); err != nil {
			return err
		}
	}
	return nil
}

// node reads the layers of the images of a containerd. address is [SOCKET][?namespace=NAME].
func (r *reader) node(ctx context.Context, address string) error {
	socket, query, _ := strings.Cut(address, "?")
	options, err := url.ParseQuery(query)
	if namespace := options.Get("namespace"); err != nil || query != "" && (len(options) != 1 || namespace == "") {
		return usage.Errorf("%s%s: want containerd:[SOCKET][?namespace=NAME]", containerdPrefix, address)
	}
	client, err := runtimes.ConnectContainerd(ctx, socket, options.Get("namespace"))
	if err != nil {
		return err
	}
	defer client.Close()
	list, err := client.Images(ctx)
	if err != nil {
		return err
	}
	for _, stored := range list {
		if err := r.image(stored.Name, stored.Image); err != nil {
			return fmt.Errorf("image %s of containerd: %w", stored.Name, err)
		}
	}
	return nil
}

// reference reads the layers of an image, or of all images in a layout. name is that of the image in the delta, or empty.
func (r *reader) reference(ctx context.Context, w *workbench.Workbench, ref, name string) error {
	if !r.needs(name) {
		return nil
	}
	all, err := w.Sources.ResolveAll(ctx, ref)
	if err != nil {
		err = fmt.Errorf("image %s: %w", ref, err)
		if r.making() || context.Cause(ctx) != nil {
			return err
		}
		r.failed = append(r.failed, err)
		return nil
	}
	before := r.matched
	for _, found := range all {
		if err := r.resolved(found, name); err != nil {
			return fmt.Errorf("image %s: %w", ref, err)
		}
	}
	if r.making() && r.matched == before {
		progress.Warn(ctx, fmt.Sprintf("%s has no image for a platform of the new archive (%s), so the delta takes nothing from it", ref, r.platformNames()))
	}
	return nil
}

// platformNames lists the platforms for messages.
func (r *reader) platformNames() string {
	var names []string
	for _, p := range r.platforms {
		names = append(names, images.FormatPlatform(p))
	}
	return strings.Join(names, ", ")
}

func (r *reader) resolved(found *source.Resolved, name string) error {
	if found.Index == nil {
		return r.image(found.Name, found.Image)
	}
	return r.index(found.Index, found.Name, name, 0)
}

// maxNesting limits indexes in indexes.
const maxNesting = 3

// index reads the layers of the images of an index. The index may list images that are not there. called is its name, and
// name is that in the delta, or empty.
func (r *reader) index(index v1.ImageIndex, called, name string, depth int) error {
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, d := range manifest.Manifests {
		if images.IsAttestation(d) || !r.needs(name) || r.making() && d.Platform != nil && !r.isFor(*d.Platform) {
			continue
		}
		switch {
		case d.MediaType.IsIndex() && depth < maxNesting:
			var nested v1.ImageIndex
			if nested, err = index.ImageIndex(d.Digest); err == nil {
				err = r.index(nested, called, name, depth+1)
			}
		case d.MediaType.IsImage():
			var image v1.Image
			if image, err = index.Image(d.Digest); err == nil {
				err = r.image(called, image)
			}
		}
		if artifact := (*images.ArtifactError)(nil); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.As(err, &artifact) {
			return err
		}
	}
	return nil
}

// image reads the layers of an image.
func (r *reader) image(name string, image v1.Image) error {
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	if r.making() && !r.isFor(images.PlatformIn(config)) {
		return nil
	}
	r.matched++
	if r.list != nil {
		id, err := image.ConfigName()
		if err != nil {
			return err
		}
		r.list(cost.OldImage{Name: cmp.Or(familiar(name), id.String()), Names: []string{name}, Platform: images.PlatformIn(config), ID: id, DiffIDs: config.RootFS.DiffIDs})
		return nil
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	if len(layers) != len(config.RootFS.DiffIDs) {
		return fmt.Errorf("its config has %d diff IDs, and its manifest %d layers", len(config.RootFS.DiffIDs), len(layers))
	}
	for i, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return err
		}
		if err := r.layer(name, l, digest, config.RootFS.DiffIDs[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// layer reads a layer, if it is needed. If it is not there, the error wraps fs.ErrNotExist.
func (r *reader) layer(name string, l v1.Layer, digest, diffID v1.Hash) error {
	_, plain := r.wanted[diffID.Hex]
	_, original := r.wanted[digest.Hex]
	if r.making() {
		original, plain = r.original, !r.original
	}
	if !plain && !original {
		return nil
	}
	id, open := delta.FileID{Name: name, SHA256: diffID.Hex}, l.Uncompressed
	if !plain {
		id.SHA256, open = digest.Hex, l.Compressed
	}
	if r.taken[id.SHA256] {
		return nil
	}
	content, err := open()
	if err != nil {
		return err
	}
	if err := errors.Join(r.take(id, content), content.Close()); err != nil {
		return err
	}
	r.taken[id.SHA256] = true
	delete(r.wanted, id.SHA256)
	return nil
}
