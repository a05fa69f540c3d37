package engine

import (
	"context"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// noContent is a content.Store that supports no operation. bases and results embed it and implement
// the few methods that an engine calls: it reads from bases and writes to results.
type noContent struct{}

var _ content.Store = noContent{}

func (noContent) Info(context.Context, digest.Digest) (content.Info, error) {
	return content.Info{}, errdefs.ErrNotFound
}

func (noContent) Update(context.Context, content.Info, ...string) (content.Info, error) {
	return content.Info{}, errdefs.ErrNotImplemented
}

func (noContent) Walk(context.Context, content.WalkFunc, ...string) error {
	return errdefs.ErrNotImplemented
}

func (noContent) Delete(context.Context, digest.Digest) error { return errdefs.ErrNotImplemented }

func (noContent) ReaderAt(context.Context, ocispec.Descriptor) (content.ReaderAt, error) {
	return nil, errdefs.ErrNotFound
}

func (noContent) Status(context.Context, string) (content.Status, error) {
	return content.Status{}, errdefs.ErrNotFound
}

func (noContent) ListStatuses(context.Context, ...string) ([]content.Status, error) {
	return nil, nil
}

func (noContent) Abort(context.Context, string) error { return nil }

func (noContent) Writer(context.Context, ...content.WriterOpt) (content.Writer, error) {
	return nil, errdefs.ErrNotImplemented
}

// hashOf converts d to go-containerregistry's type.
func hashOf(d digest.Digest) (v1.Hash, error) { return v1.NewHash(d.String()) }

// digestOf converts h to BuildKit's type.
func digestOf(h v1.Hash) digest.Digest { return digest.Digest(h.String()) }
