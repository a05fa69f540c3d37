package carry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/progress"
)

// tagAnnotation is the annotation of a referrer in the proof of an archive that has the tag of cosign.
const tagAnnotation = "tag"

// Documents returns attachments as documents for the proof of an archive: the manifest of each, followed by its config
// and its layers. subjects are the manifest of the image and the indexes that lead to it: what is attached to something
// else, such as the signature of an SBOM, says nothing about the image, and its layers are blobs. An attachment that is
// too large for an archive is left out with a warning. All content is in memory, and is taken from the budget.
func Documents(ctx context.Context, attachments []Attachment, subjects []v1.Hash, budget *Budget) ([]proof.Attachment, error) {
	var out []proof.Attachment
	for _, a := range attachments {
		documents, err := documentsOf(a.Artifact, 0, map[v1.Hash]bool{}, budget)
		if large := (*tooLargeError)(nil); errors.As(err, &large) {
			progress.Warn(ctx, fmt.Sprintf("%s, which is attached to %s, is not in the archive: %v", a.Descriptor.Digest, a.Subject, large))
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s, which is attached to %s: %w", a.Descriptor.Digest, a.Subject, err)
		}
		if !slices.Contains(subjects, a.Subject) {
			for i := range documents {
				documents[i].Kind = proof.Blob
			}
		}
		documents[0].Kind = proof.Referrer
		if a.Tag != "" {
			documents[0].Annotations = map[string]string{tagAnnotation: a.Tag}
		}
		out = append(out, documents...)
	}
	return out, nil
}

// documentsOf returns the manifest of an artifact, and all that it lists. seen has the entries of indexes that were read:
// each is read once, since a hostile index may list one entry thousands of times.
func documentsOf(artifact images.Artifact, depth int, seen map[v1.Hash]bool, budget *Budget) ([]proof.Attachment, error) {
	if depth > MaxNesting {
		return nil, fmt.Errorf("indexes are nested more than %d deep", MaxNesting)
	}
	raw, err := artifact.RawManifest()
	if err != nil {
		return nil, err
	}
	mediaType, err := artifact.MediaType()
	if err != nil {
		return nil, err
	}
	if err := budget.take(int64(len(raw))); err != nil {
		return nil, err
	}
	out := []proof.Attachment{{Kind: proof.Blob, MediaType: string(mediaType), Content: raw}}
	var more []proof.Attachment
	switch artifact := artifact.(type) {
	case v1.ImageIndex:
		more, err = entriesOf(artifact, depth, seen, budget)
	case v1.Image:
		more, err = blobsOf(artifact, budget)
	}
	return append(out, more...), err
}

func entriesOf(index v1.ImageIndex, depth int, seen map[v1.Hash]bool, budget *Budget) ([]proof.Attachment, error) {
	m, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var out []proof.Attachment
	for _, d := range m.Manifests {
		if seen[d.Digest] {
			continue
		}
		seen[d.Digest] = true
		child, err := Child(index, d)
		if err != nil {
			return nil, err
		}
		more, err := documentsOf(child, depth+1, seen, budget)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

func blobsOf(image v1.Image, budget *Budget) ([]proof.Attachment, error) {
	m, err := image.Manifest()
	if err != nil {
		return nil, err
	}
	size := int64(0)
	for _, d := range slices.Concat(m.Layers, []v1.Descriptor{m.Config}) {
		if d.Size > proof.MaxItem {
			return nil, &tooLargeError{d}
		}
		size += max(d.Size, 0)
	}
	if err := budget.take(size); err != nil {
		return nil, err
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return nil, err
	}
	out := []proof.Attachment{{Kind: proof.Blob, MediaType: string(m.Config.MediaType), Content: config}}
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	for i, d := range m.Layers {
		raw, err := readLayer(layers[i], d)
		if err != nil {
			return nil, err
		}
		out = append(out, proof.Attachment{Kind: kindOf(d.MediaType), MediaType: string(d.MediaType), Annotations: d.Annotations, Content: raw})
	}
	return out, nil
}

// kindOf returns what a layer of a referrer is.
func kindOf(t types.MediaType) proof.Kind {
	switch s := string(t); {
	case strings.HasPrefix(s, "application/vnd.dev.sigstore.bundle"), s == simpleSigning, s == dsseEnvelope:
		return proof.Signature
	case strings.HasPrefix(s, "application/spdx"), strings.HasPrefix(s, "text/spdx"), strings.HasPrefix(s, "application/vnd.cyclonedx"):
		return proof.SBOM
	}
	return proof.Blob
}

// A tooLargeError is the error for a blob that is larger than an archive carries.
type tooLargeError struct{ blob v1.Descriptor }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("blob %s has %d bytes; an archive carries at most %d", e.blob.Digest, e.blob.Size, proof.MaxItem)
}

func readLayer(l v1.Layer, d v1.Descriptor) ([]byte, error) {
	r, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, d.Size+1))
	if err != nil {
		return nil, err
	}
	return raw, check(raw, d.Digest)
}

func check(raw []byte, want v1.Hash) error {
	got, _, err := v1.SHA256(bytes.NewReader(raw))
	if err == nil && got != want {
		err = fmt.Errorf("blob %s has the digest %s", want, got)
	}
	return err
}
