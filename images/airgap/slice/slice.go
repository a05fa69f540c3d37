package slice

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/fileop"
)

// A Job says what to write.
type Job struct {
	// Archives are paths of archives and of folders with archives. Of archives with the same image, the first has it.
	Archives []string
	// Images are the images of the slice, in order.
	Images []Wanted
	// Platform chooses among images with the same name. If it is nil, there must be only one.
	Platform *v1.Platform
	Outputs  []pack.Output
	// Options are those of pack, without Frames. If Layers is empty, it is the form that the archives have. Level is
	// that of the frames that are made.
	Options pack.Options
}

// A Wanted is an image of the slice.
type Wanted struct {
	Ref name.Reference
	// Where is the file:line of Ref in a list. It is empty if there is no list.
	Where string
}

// Write writes the slice to each of the outputs. It reads all layers of the images, and checks their digests. An image
// that no archive has is an error.
func Write(ctx context.Context, content *store.Store, job Job) ([]pack.Result, error) {
	if len(job.Images) == 0 {
		return nil, errors.New("no images to write")
	}
	archives, err := open(ctx, job)
	defer func() {
		for _, a := range archives {
			a.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	c, err := choose(ctx, archives, job)
	if err != nil {
		return nil, err
	}
	opts := job.Options
	if opts.Jobs <= 0 {
		opts.Jobs = runtime.GOMAXPROCS(0)
	}
	if opts.Layers == "" {
		if opts.Layers, err = c.form(ctx); err != nil {
			return nil, err
		}
	}
	r, err := newReader(ctx, content, c, opts.Layers == images.OriginalLayers)
	if err != nil {
		return nil, err
	}
	if err := r.readAll(ctx, opts.Jobs); err != nil {
		return nil, err
	}
	opts.Frames = r
	return pack.Write(ctx, &lazyContent{Store: content, ctx: ctx, reader: r}, c.packed, job.Outputs, opts)
}

// open opens the archives of a job.
func open(ctx context.Context, job Job) (archives []*airgap.Archive, err error) {
	files, err := airgap.ListArchives(job.Archives)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no archive found in %s", strings.Join(job.Archives, ", "))
	}
	for _, file := range files {
		if slices.ContainsFunc(job.Outputs, func(o pack.Output) bool { return fileop.Place(o.Path) == fileop.Place(file) }) {
			return archives, fmt.Errorf("the slice would overwrite %s, which it is made of: write it to another file", file)
		}
		a, err := airgap.Open(ctx, file)
		if err != nil {
			return archives, err
		}
		archives = append(archives, a)
	}
	return archives, nil
}
