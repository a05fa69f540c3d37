package docker

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/errdefs"
	dockerimage "github.com/docker/docker/api/types/image"
	docker "github.com/docker/docker/client"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// An ImageRecord is an image that an Engine has.
type ImageRecord struct {
	// ID is the digest of the config, or with containerd's store that of the manifest or index.
	ID string
	// Tags are its names with tags, as the Engine spells them.
	Tags []string
}

// Images lists the images of the Engine, including those without a name.
func (c *Client) Images(ctx context.Context) ([]ImageRecord, error) {
	list, err := c.api.ImageList(ctx, dockerimage.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing the images of %s: %w", c.host, plain(err))
	}
	records := make([]ImageRecord, len(list))
	for i, img := range list {
		records[i] = ImageRecord{img.ID, img.RepoTags}
	}
	return records, nil
}

// DiffIDs returns the diff IDs of the layers of an image, or nil if the Engine no longer has it.
func (c *Client) DiffIDs(ctx context.Context, id string) ([]v1.Hash, error) {
	inspected, err := c.api.ImageInspect(ctx, id)
	if errdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("inspecting image %s of %s: %w", id, c.host, plain(err))
	}
	var ids []v1.Hash
	for _, text := range inspected.RootFS.Layers {
		h, err := v1.NewHash(text)
		if err != nil {
			return nil, fmt.Errorf("inspecting image %s of %s: %w", id, c.host, err)
		}
		ids = append(ids, h)
	}
	return ids, nil
}

// Tag gives an image another name.
func (c *Client) Tag(ctx context.Context, id, tag string) error {
	if err := c.api.ImageTag(ctx, id, tag); err != nil {
		return fmt.Errorf("naming image %s of %s %s: %w", id, c.host, tag, plain(err))
	}
	return nil
}

// LoadArchive makes the Engine load an archive that write writes, as `docker load` does.
func (c *Client) LoadArchive(ctx context.Context, write func(io.Writer) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reader, writer := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := write(writer)
		writer.CloseWithError(err)
		written <- err
	}()
	response, err := c.api.ImageLoad(ctx, stoppable{reader}, docker.ImageLoadWithQuiet(true))
	if err == nil {
		err = loadResult(response.Body)
		_ = response.Body.Close() // the answer was read, or could not be read
	}
	// The engine may have stopped reading before the end.
	reader.CloseWithError(errStopped)
	if wrote := <-written; wrote != nil && !errors.Is(wrote, errStopped) {
		// An error on our side is the cause of the engine's error.
		return wrote
	}
	if Unreachable(err) {
		return fmt.Errorf("loading images into %s: %w", c.host, plain(err))
	}
	return err
}

// A stoppable is the end of a pipe that a request reads. The writer gets errStopped when the request ends early.
type stoppable struct{ *io.PipeReader }

func (s stoppable) Close() error { return s.CloseWithError(errStopped) }
