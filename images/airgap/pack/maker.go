package pack

import (
	"context"
	"fmt"

	library "github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/store"
)

// A maker makes the frames of one codec.
type maker interface {
	// small returns the frame of small files.
	small(ctx context.Context, t *smallTar) (frame, error)
	// run returns the frame of a run of layers, and whether all of it was in the store. It
	// tells done how many bytes of the layers are done.
	run(ctx context.Context, run []layer, done func(int)) (f frame, cached bool, err error)
	// release frees what is kept for the next frame: a zstd encoder has 60 to 100 MB.
	release()
}

// newMaker returns the maker for a codec. It reads layers from content and keeps there what it
// compresses. A gzip layer is compressed by as many goroutines as jobs says.
func newMaker(codec format.Codec, content *store.Store, level zstdLevel, jobs int) maker {
	switch codec {
	case format.Zstd:
		return newZstdFrames(content, library.EncoderLevel(level))
	case format.Gzip:
		return &gzipFrames{content: content, jobs: jobs}
	}
	return tarFrames{content: content}
}

// A zstdLevel says how well zstd compresses.
type zstdLevel library.EncoderLevel

// parseLevel returns the level with a name: fastest, default, better, or best (or empty).
func parseLevel(name string) (zstdLevel, error) {
	if name == "" {
		name = "best"
	}
	level, ok := levels[name]
	if !ok {
		return 0, fmt.Errorf("zstd level %q: want fastest, default, better or best", name)
	}
	return zstdLevel(level), nil
}
