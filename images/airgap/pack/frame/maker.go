package frame

import (
	"cmp"
	"context"

	library "github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/zstd"
)

// A Maker makes the frames of archives in one codec. Run may be called from several goroutines.
type Maker interface {
	// Small returns the frame of small files.
	Small(ctx context.Context, t *SmallTar) (Frame, error)
	// Run returns the frame of a run of layers, and whether all of it was in the store. It calls
	// done with the number of bytes of layers that were done since the last call.
	Run(ctx context.Context, run []Layer, done func(int)) (f Frame, cached bool, err error)
	// Release frees the encoders that are kept for the next frame. One has 60 to 100 MB.
	Release()
}

// NewMaker returns the Maker for a codec. It reads layers from content, and keeps compressed layers
// there. level is that of zstd. jobs is the number of goroutines that compress one gzip layer.
func NewMaker(codec format.Codec, content Content, level Level, jobs int) Maker {
	switch codec {
	case format.Zstd:
		return newZstdFrames(content, level)
	case format.Gzip:
		return &gzipFrames{content: content, jobs: jobs}
	}
	return tarFrames{content: content}
}

// A Level is a compression level of zstd. library is the level of the encoder of the library, or 0 if
// frames are made by our own, whose level is own.
type Level struct {
	library library.EncoderLevel
	own     zstd.Level
}

// LevelOf returns the level with a name, or an error if there is none.
func LevelOf(name images.ZstdLevel) (Level, error) {
	return levels[cmp.Or(name, images.BestZstd)], name.Validate()
}
