package airgap

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// A PackedImage is an image of an archive.
type PackedImage struct {
	// Names are fully qualified, such as docker.io/library/busybox:1, since nodes look them
	// up so. Images in archives of other programs may have no name.
	Names []string
	// Tags are tags without a repository, such as v1, by which an OCI layout names the
	// image.
	Tags     []string
	Platform v1.Platform
	// ID is the digest of the config, which is the image's ID in Docker.
	ID v1.Hash
	// Manifest describes the manifest in the archive. Archives of docker save and crane
	// have none; there it describes the manifest that Image makes.
	Manifest v1.Descriptor
	Layers   []PackedLayer
	// Indexes are the indexes of the archive that contain the image, without those that are
	// nested in another index.
	Indexes []*PackedIndex

	archive     *Archive
	rawManifest []byte
	rawConfig   []byte
}

// Archive returns the image's archive.
func (img *PackedImage) Archive() *Archive { return img.archive }

// RawManifest returns the bytes that Manifest describes.
func (img *PackedImage) RawManifest() []byte { return img.rawManifest }

// RawConfig returns the bytes of the config.
func (img *PackedImage) RawConfig() []byte { return img.rawConfig }

// String returns the image's first name in its familiar form, or its ID.
func (img *PackedImage) String() string {
	if len(img.Names) == 0 {
		return img.ID.String()
	}
	ref, err := images.ParseReference(img.Names[0])
	if err != nil {
		return img.Names[0]
	}
	return images.Familiar(ref)
}

// A PackedLayer is a layer of an image of an archive.
type PackedLayer struct {
	v1.Descriptor
	DiffID v1.Hash
	// Images is the number of images of the archive with this layer.
	Images int

	file string
}

// File returns the name of the layer's file in the tar, for Archive.File.
func (l PackedLayer) File() string { return l.file }

// IsPlain reports whether the media type of the layer is that of a plain tar.
func (l PackedLayer) IsPlain() bool {
	return images.LayerCompression(l.MediaType) == string(sniff.None)
}

// HasPlainLayer reports whether a layer IsPlain.
func (img *PackedImage) HasPlainLayer() bool {
	return slices.ContainsFunc(img.Layers, PackedLayer.IsPlain)
}

// FalselyPlain describes the compressed layers whose media type is that of a plain tar,
// where the digest is the diff ID. containerd cannot unpack them, and verify reports them
// as a problem.
func (img *PackedImage) FalselyPlain() []string {
	var found []string
	for _, l := range img.Layers {
		if l.IsPlain() && l.Digest != l.DiffID {
			found = append(found, fmt.Sprintf("layer %s has the media type %s, but is compressed, which containerd does not look for", l.Digest, l.MediaType))
		}
	}
	return found
}

// Images lists the images of the archive, in its order. If the archive has both an OCI and
// a Docker view, Images lists the images of either. It leaves out attestations, entries of
// an index that are not in the archive and, with a warning, artifacts.
func (a *Archive) Images(ctx context.Context) ([]*PackedImage, error) {
	list, artifacts, err := a.Contents(ctx)
	for _, artifact := range artifacts {
		progress.Warn(ctx, fmt.Sprintf("archive %s: %s; it is left out", a.path, artifact))
	}
	return list, err
}

// Contents is Images without warnings. It lists artifacts as well.
func (a *Archive) Contents(ctx context.Context) ([]*PackedImage, []Artifact, error) {
	if a.index != nil {
		defer a.passed.forget()
	}
	list, artifacts, err := a.contents(ctx, func([]string) bool { return true })
	if err != nil {
		return nil, nil, err
	}
	uses := map[v1.Hash]int{}
	for _, img := range list {
		seen := map[v1.Hash]bool{}
		for _, l := range img.Layers {
			if !seen[l.Digest] {
				uses[l.Digest]++
				seen[l.Digest] = true
			}
		}
	}
	for _, img := range list {
		for i := range img.Layers {
			img.Layers[i].Images = uses[img.Layers[i].Digest]
		}
	}
	return list, artifacts, nil
}

// An Artifact is anything in an archive that is not an image, such as a Helm chart.
type Artifact struct {
	Names  []string // as of PackedImage
	Digest v1.Hash
	// Inside reports that the names are those of an index, and the artifact is one of its
	// entries.
	Inside bool
	Type   *images.ArtifactError
}

func (a Artifact) String() string {
	what := cmp.Or(strings.Join(a.Names, ", "), a.Digest.String())
	if a.Inside && len(a.Names) > 0 {
		what = fmt.Sprintf("entry %s of %s", a.Digest, what)
	}
	return fmt.Sprintf("%s is %v", what, a.Type)
}

// noImages is the error for a file that has neither view.
func (a *Archive) noImages(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return a.wrap(errors.New("not an archive of images: it has neither manifest.json nor oci-layout and index.json"))
	}
	return err
}

// contents lists the images and artifacts that have wanted names in one of the views.
func (a *Archive) contents(ctx context.Context, wanted func(names []string) bool) ([]*PackedImage, []Artifact, error) {
	naming := &naming{archive: a, known: map[knownName]bool{}}
	oci, artifacts, ociErr := a.ociContents(ctx, wanted, naming)
	if ociErr != nil && (!errors.Is(ociErr, fs.ErrNotExist) || a.hasOCIView(ctx)) {
		return nil, nil, ociErr
	}
	entries, dockerErr := a.dockerView(ctx)
	if dockerErr != nil {
		if !errors.Is(dockerErr, fs.ErrNotExist) {
			return nil, nil, dockerErr
		}
		if ociErr != nil {
			return nil, nil, a.noImages(ociErr)
		}
		return oci, artifacts, nil
	}
	list := oci
	byID, ids := map[v1.Hash]*PackedImage{}, map[string]v1.Hash{} // by the name of the config
	for _, img := range slices.Backward(oci) {
		byID[img.ID] = img
	}
	for _, e := range entries {
		names := a.namesOf(ctx, e)
		if !wanted(names) {
			continue
		}
		id, known := ids[e.Config]
		var raw []byte
		if !known {
			var err error
			if id, raw, err = a.dockerConfig(ctx, e.Config, naming); err != nil {
				return nil, nil, err
			}
			ids[e.Config] = id
		}
		if img := byID[id]; img != nil {
			if err := naming.add(img, &img.Names, names...); err != nil {
				return nil, nil, err
			}
			continue
		}
		img, err := a.dockerImage(ctx, e, id, raw)
		if err == nil {
			err = naming.add(img, &img.Names, names...)
		}
		if err != nil {
			return nil, nil, err
		}
		byID[id] = img
		list = append(list, img)
	}
	return list, artifacts, nil
}

// dockerConfig reads a config that manifest.json names, and returns its digest.
func (a *Archive) dockerConfig(ctx context.Context, name string, naming *naming) (id v1.Hash, raw []byte, err error) {
	if raw, err = a.readJSON(ctx, name); err == nil {
		err = naming.json(int64(len(raw)))
	}
	if err == nil {
		id, _, err = v1.SHA256(bytes.NewReader(raw))
	}
	return id, raw, err
}

// dockerView reads manifest.json.
func (a *Archive) dockerView(ctx context.Context) ([]format.ManifestEntry, error) {
	raw, err := a.readJSON(ctx, format.ManifestJSON)
	if err != nil {
		return nil, err
	}
	var entries []format.ManifestEntry
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, a.wrap(fmt.Errorf("file %s: %w", format.ManifestJSON, err))
	}
	return entries, nil
}

// namesOf returns the names of an entry of manifest.json, and warns of names that it leaves
// out because they cannot be parsed.
func (a *Archive) namesOf(ctx context.Context, e format.ManifestEntry) []string {
	var names []string
	for _, tag := range e.RepoTags {
		n, err := format.Qualified(tag)
		if err != nil {
			progress.Warn(ctx, fmt.Sprintf("archive %s: file %s: %v; the image is read without that name", a.path, format.ManifestJSON, err))
			continue
		}
		names = append(names, n)
	}
	return names
}

// ociView reads index.json. If the archive is not an OCI layout, the error wraps
// fs.ErrNotExist.
func (a *Archive) ociView(ctx context.Context) (*v1.IndexManifest, error) {
	raw, err := a.readJSON(ctx, format.OCILayout)
	if err != nil {
		return nil, err
	}
	var layout struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(raw, &layout); err != nil {
		return nil, a.wrap(fmt.Errorf("file %s: %w", format.OCILayout, err))
	}
	if layout.Version != "1.0.0" {
		return nil, a.wrap(fmt.Errorf("file %s: image layout version %q; only 1.0.0 is known", format.OCILayout, layout.Version))
	}
	if raw, err = a.readJSON(ctx, format.IndexJSON); err != nil {
		return nil, err
	}
	idx, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, a.wrap(fmt.Errorf("file %s: %w", format.IndexJSON, err))
	}
	return idx, nil
}

// hasOCIView reports whether the files of an OCI layout are there. If they are, a missing
// file is a blob.
func (a *Archive) hasOCIView(ctx context.Context) bool {
	for _, name := range []string{format.OCILayout, format.IndexJSON} {
		if _, err := a.lookup(ctx, name); err != nil {
			return false
		}
	}
	return true
}

func (a *Archive) ociContents(ctx context.Context, wanted func(names []string) bool, naming *naming) ([]*PackedImage, []Artifact, error) {
	idx, err := a.ociView(ctx)
	if err != nil {
		return nil, nil, err
	}
	r := &ociReader{archive: a, images: map[v1.Hash]*PackedImage{}, artifacts: map[v1.Hash]*Artifact{}, indexes: map[v1.Hash]*PackedIndex{},
		configs: map[v1.Hash]*config{}, others: map[v1.Hash]*otherEntry{}, listed: map[*PackedIndex]bool{}, naming: naming}
	for _, d := range idx.Manifests {
		var names []string
		if n := format.DescriptorName(d); n != "" {
			names = append(names, n)
		}
		if !wanted(names) {
			continue
		}
		if err := r.add(ctx, d, names); err != nil {
			return nil, nil, err
		}
	}
	var artifacts []Artifact
	for _, h := range r.order {
		artifacts = append(artifacts, *r.artifacts[h])
	}
	return r.list, artifacts, nil
}

// A config is the part of an image's config that a reader needs.
type config struct {
	raw      []byte
	platform v1.Platform
	diffIDs  []v1.Hash
}

// parseConfig reads a config, whose digest is id.
func (a *Archive) parseConfig(id v1.Hash, raw []byte) (*config, error) {
	file, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil {
		return nil, a.wrap(fmt.Errorf("config %s: %w", id, err))
	}
	return &config{raw, images.PlatformIn(file), file.RootFS.DiffIDs}, nil
}

// setConfig copies platform and diff IDs from the config.
func (img *PackedImage) setConfig(c *config) error {
	if len(c.diffIDs) != len(img.Layers) {
		return img.archive.wrap(fmt.Errorf("config %s has %d diff IDs, and its image %d layers", img.ID, len(c.diffIDs), len(img.Layers)))
	}
	img.rawConfig, img.Platform = c.raw, c.platform
	for i := range img.Layers {
		img.Layers[i].DiffID = c.diffIDs[i]
	}
	return nil
}

// dockerImage makes an image from an entry of manifest.json for which the archive has no
// OCI manifest.
func (a *Archive) dockerImage(ctx context.Context, e format.ManifestEntry, id v1.Hash, raw []byte) (*PackedImage, error) {
	config, err := a.parseConfig(id, raw)
	if err != nil {
		return nil, err
	}
	img := &PackedImage{ID: id, archive: a}
	for _, file := range e.Layers {
		img.Layers = append(img.Layers, PackedLayer{file: file})
	}
	if err := img.setConfig(config); err != nil {
		return nil, err
	}
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.DockerManifestSchema2,
		Config: v1.Descriptor{MediaType: types.DockerConfigJSON, Size: int64(len(raw)), Digest: id}, Layers: []v1.Descriptor{}}
	for i := range img.Layers {
		if img.Layers[i].Descriptor, err = a.dockerLayer(ctx, img.Layers[i]); err != nil {
			return nil, err
		}
		m.Layers = append(m.Layers, img.Layers[i].Descriptor)
	}
	if img.rawManifest, err = json.Marshal(m); err != nil {
		return nil, err
	}
	digest, _, err := v1.SHA256(bytes.NewReader(img.rawManifest))
	img.Manifest = v1.Descriptor{MediaType: m.MediaType, Digest: digest, Size: int64(len(img.rawManifest))}
	return img, err
}

// dockerLayer returns the descriptor of a layer of manifest.json. The digest of a plain tar
// is the diff ID. The digest of a compressed layer is taken from the name of its file,
// which the layer's reader verifies, or else computed.
func (a *Archive) dockerLayer(ctx context.Context, l PackedLayer) (v1.Descriptor, error) {
	m, err := a.lookup(ctx, l.file)
	if err != nil {
		return v1.Descriptor{}, err
	}
	compression, err := a.compressionOf(ctx, m)
	if err != nil {
		return v1.Descriptor{}, err
	}
	d := v1.Descriptor{MediaType: types.DockerLayer, Size: m.Size}
	switch compression {
	case sniff.None:
		d.MediaType, d.Digest = types.DockerUncompressedLayer, l.DiffID
		return d, nil
	case sniff.Zstd:
		d.MediaType = types.OCILayerZStd
	}
	if hex, _, _ := strings.Cut(path.Base(m.Name), "."); format.IsHexDigest(hex) {
		d.Digest = v1.Hash{Algorithm: "sha256", Hex: hex}
		return d, nil
	}
	r, err := a.open(ctx, m)
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer r.Close()
	d.Digest, _, err = v1.SHA256(r)
	return d, err
}

// Image returns the image. Its layers are read from the archive on demand, and verified.
// ctx must be valid while the image is used.
func (img *PackedImage) Image(ctx context.Context) (v1.Image, error) {
	return partial.CompressedToImage(&archiveImage{ctx: ctx, img: img})
}

// archiveImage implements partial.CompressedImageCore. It stores the context of Image,
// since the methods of v1.Layer take none.
type archiveImage struct {
	ctx context.Context
	img *PackedImage
}

func (i *archiveImage) MediaType() (types.MediaType, error) { return i.img.Manifest.MediaType, nil }
func (i *archiveImage) RawManifest() ([]byte, error)        { return i.img.rawManifest, nil }
func (i *archiveImage) RawConfigFile() ([]byte, error)      { return i.img.rawConfig, nil }

func (i *archiveImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, l := range i.img.Layers {
		if l.Digest == h {
			return &archiveLayer{ctx: i.ctx, archive: i.img.archive, layer: l}, nil
		}
	}
	return nil, fmt.Errorf("image %s has no layer %s", i.img.ID, h)
}

type archiveLayer struct {
	ctx     context.Context
	archive *Archive
	layer   PackedLayer
}

func (l *archiveLayer) Digest() (v1.Hash, error)            { return l.layer.Digest, nil }
func (l *archiveLayer) DiffID() (v1.Hash, error)            { return l.layer.DiffID, nil }
func (l *archiveLayer) Size() (int64, error)                { return l.layer.Size, nil }
func (l *archiveLayer) MediaType() (types.MediaType, error) { return l.layer.MediaType, nil }
func (l *archiveLayer) Descriptor() (*v1.Descriptor, error) { return &l.layer.Descriptor, nil }
func (l *archiveLayer) Compressed() (io.ReadCloser, error) {
	m, err := l.archive.lookup(l.ctx, l.layer.file)
	if err != nil {
		return nil, err
	}
	if m.Size != l.layer.Size {
		return nil, l.archive.wrap(fmt.Errorf("layer %s has %d bytes instead of %d", l.layer.Digest, m.Size, l.layer.Size))
	}
	r, err := l.archive.open(l.ctx, m)
	if err != nil {
		return nil, err
	}
	verified := streams.Verified(r, func(sum string, _ int64) error {
		if got := (v1.Hash{Algorithm: "sha256", Hex: sum}); got != l.layer.Digest {
			return l.archive.wrap(fmt.Errorf("layer %s is damaged: its bytes have the digest %s", l.layer.Digest, got))
		}
		return nil
	})
	return &ownReader{verified, r}, nil
}
