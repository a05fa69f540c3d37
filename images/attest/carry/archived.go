package carry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/proof"
)

// ReadItem returns the content of an item of the proof of an archive; see airgap.Archive.ReadFile.
type ReadItem func(ctx context.Context, name string, limit int64) ([]byte, error)

// ReadProof returns the attachments that the proof of an archive lists, by the digest of the manifest that each image
// has in the archive. An archive without a proof has no attachments. It checks only that content has its digest. If some
// attachments cannot be read, it returns the others, and an error. The manifests stay in memory: it reads at most maxBytes
// of them.
func ReadProof(ctx context.Context, read ReadItem) (map[v1.Hash][]Attachment, error) {
	p, err := proof.Read(ctx, read)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out, budget := map[v1.Hash][]Attachment{}, NewBudget(maxBytes)
	var errs []error
	for _, image := range p.Content.Images {
		attached, err := fromItems(ctx, image.Proof, read, budget)
		errs = append(errs, err)
		out[image.Manifest] = append(out[image.Manifest], attached...)
		if budget.spent() {
			break
		}
	}
	return out, errors.Join(errs...)
}

// fromItems returns the attachments among the items of an image in an archive. Their blobs are read on first use, with
// ctx, and checked. If some attachments cannot be read, it returns the others, and an error. It ends when the budget is
// spent.
func fromItems(ctx context.Context, items []proof.Item, read ReadItem, budget *Budget) ([]Attachment, error) {
	from := &archived{ctx: ctx, items: map[v1.Hash]proof.Item{}, read: read, budget: budget}
	for _, item := range items {
		from.items[item.Digest] = item
	}
	var out []Attachment
	var errs []error
	for _, item := range items {
		if item.Kind != proof.Referrer {
			continue
		}
		a, err := from.referrer(item)
		if err != nil {
			errs = append(errs, fmt.Errorf("referrer %s: %w", item.Digest, err))
			if budget.spent() {
				break
			}
			continue
		}
		out = append(out, a)
	}
	return out, errors.Join(errs...)
}

// archived has the content of attachments in an archive.
type archived struct {
	ctx   context.Context // the interfaces of go-containerregistry take none
	items map[v1.Hash]proof.Item
	read  ReadItem
	// budget is for manifests.
	budget *Budget
}

// referrer returns the attachment whose manifest is an item.
func (a *archived) referrer(item proof.Item) (found Attachment, err error) {
	raw, err := a.blob(item.Digest)
	if err == nil {
		err = a.budget.take(int64(len(raw)))
	}
	if err != nil {
		return found, err
	}
	var subject *v1.Descriptor
	if found.Descriptor, subject, err = images.ReferrerOf(types.MediaType(item.MediaType), raw); err != nil {
		return found, err
	}
	found.Tag = item.Annotations[tagAnnotation]
	switch {
	case found.Tag != "":
		var ok bool
		if found.Subject, ok = TagSubject(found.Tag); !ok {
			return found, fmt.Errorf("%q is not a tag of cosign: want sha256-….sig, .att or .sbom", found.Tag)
		}
	case subject == nil:
		return found, errors.New("it has neither a subject nor a tag")
	default:
		found.Subject = subject.Digest
	}
	found.Artifact, err = a.artifact(types.MediaType(item.MediaType), raw)
	return found, err
}

// blob reads an item.
func (a *archived) blob(h v1.Hash) ([]byte, error) {
	if _, ok := a.items[h]; !ok {
		return nil, fmt.Errorf("the archive does not have %s: %w", h, fs.ErrNotExist)
	}
	raw, err := a.read(a.ctx, proof.ItemFile(h), proof.MaxItem)
	if err != nil {
		return nil, err
	}
	return raw, check(raw, h)
}

func (a *archived) artifact(mediaType types.MediaType, raw []byte) (images.Artifact, error) {
	switch {
	case mediaType.IsIndex():
		m, err := v1.ParseIndexManifest(bytes.NewReader(raw))
		return &archivedIndex{a, mediaType, raw, m}, err
	case mediaType.IsImage():
		m, err := v1.ParseManifest(bytes.NewReader(raw))
		if err != nil {
			return nil, err
		}
		return partial.CompressedToImage(&archivedImage{a, mediaType, raw, m})
	}
	return nil, fmt.Errorf("media type %q is not that of an image manifest or an index", mediaType)
}

type archivedImage struct {
	from      *archived
	mediaType types.MediaType
	raw       []byte
	manifest  *v1.Manifest
}

func (i *archivedImage) MediaType() (types.MediaType, error) { return i.mediaType, nil }
func (i *archivedImage) RawManifest() ([]byte, error)        { return i.raw, nil }
func (i *archivedImage) RawConfigFile() ([]byte, error)      { return i.from.blob(i.manifest.Config.Digest) }

func (i *archivedImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, d := range slices.Concat(i.manifest.Layers, []v1.Descriptor{i.manifest.Config}) {
		if d.Digest == h {
			return &archivedLayer{i.from, d}, nil
		}
	}
	return nil, fmt.Errorf("the manifest does not list %s", h)
}

type archivedLayer struct {
	from *archived
	desc v1.Descriptor
}

func (l *archivedLayer) Digest() (v1.Hash, error)            { return l.desc.Digest, nil }
func (l *archivedLayer) Size() (int64, error)                { return l.desc.Size, nil }
func (l *archivedLayer) MediaType() (types.MediaType, error) { return l.desc.MediaType, nil }
func (l *archivedLayer) Descriptor() (*v1.Descriptor, error) { return &l.desc, nil }
func (l *archivedLayer) Compressed() (io.ReadCloser, error) {
	raw, err := l.from.blob(l.desc.Digest)
	return io.NopCloser(bytes.NewReader(raw)), err
}

type archivedIndex struct {
	from      *archived
	mediaType types.MediaType
	raw       []byte
	manifest  *v1.IndexManifest
}

func (x *archivedIndex) MediaType() (types.MediaType, error)       { return x.mediaType, nil }
func (x *archivedIndex) RawManifest() ([]byte, error)              { return x.raw, nil }
func (x *archivedIndex) IndexManifest() (*v1.IndexManifest, error) { return x.manifest.DeepCopy(), nil }
func (x *archivedIndex) Digest() (v1.Hash, error)                  { return digestOf(x) }
func (x *archivedIndex) Size() (int64, error)                      { return int64(len(x.raw)), nil }

func (x *archivedIndex) child(h v1.Hash) (images.Artifact, error) {
	raw, err := x.from.blob(h)
	if err != nil {
		return nil, err
	}
	return x.from.artifact(types.MediaType(x.from.items[h].MediaType), raw)
}

func (x *archivedIndex) Image(h v1.Hash) (v1.Image, error) { return childOf[v1.Image](x, h) }

func (x *archivedIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	return childOf[v1.ImageIndex](x, h)
}

func childOf[T images.Artifact](x *archivedIndex, h v1.Hash) (T, error) {
	var none T
	child, err := x.child(h)
	if err != nil {
		return none, err
	}
	typed, ok := child.(T)
	if !ok {
		return none, fmt.Errorf("entry %s has another type than its index says", h)
	}
	return typed, nil
}
