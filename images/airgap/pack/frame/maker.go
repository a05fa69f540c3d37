package frame

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
	Small(ctx context.Context, t *SmallTar) (Frame, error)
	// run returns the frame of a run of layers, and whether all of it was in the store. It
	// tells done how many bytes of the layers are done.
	Run(ctx context.Context, run []Layer, done func(int)) (f Frame, cached bool, err error)
	// release frees what is kept for the next frame: a zstd encoder has 60 to 100 MB.
	Release()
}

// NewMaker returns the maker for a codec. It reads layers from content and keeps there what it
// compresses. A gzip layer is compressed by as many goroutines as jobs says.
func NewMaker(codec format.Codec, content *store.Store, level Level, jobs int) maker {
	switch codec {
	case format.Zstd:
		return newZstdFrames(content, library.EncoderLevel(level))
	case format.Gzip:
		return &gzipFrames{content: content, jobs: jobs}
	}
	return tarFrames{content: content}
}

// A Level says how well zstd compresses.
type Level library.EncoderLevel

// ParseLevel returns the level with a name: fastest, default, better, or best (or empty).
func ParseLevel(name string) (Level, error) {
	if name == "" {
		name = "best"
	}
	level, ok := levels[name]
	if !ok {
		return 0, fmt.Errorf("zstd level %q: want fastest, default, better or best", name)
	}
	return Level(level), nil
}
