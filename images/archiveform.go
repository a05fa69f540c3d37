package images

import "fmt"

// ArchiveLayers is the form of the layers in an air-gap archive. The empty form is UncompressedLayers.
type ArchiveLayers string

const (
	// UncompressedLayers are plain tars, because gzip inside zstd would not make an archive smaller.
	UncompressedLayers ArchiveLayers = "uncompressed"
	// OriginalLayers are the registry's bytes.
	OriginalLayers ArchiveLayers = "original"
)

// Validate returns an error if l is unknown.
func (l ArchiveLayers) Validate() error {
	switch l {
	case "", UncompressedLayers, OriginalLayers:
		return nil
	}
	return fmt.Errorf("layers %q: want %s or %s", string(l), UncompressedLayers, OriginalLayers)
}

// A ZstdLevel is the name of a compression level of zstd. The empty level is BestZstd.
type ZstdLevel string

// The levels, from the fastest to the one that makes the smallest archive.
const (
	FastestZstd ZstdLevel = "fastest"
	DefaultZstd ZstdLevel = "default"
	BetterZstd  ZstdLevel = "better"
	BestZstd    ZstdLevel = "best"
	MaxZstd     ZstdLevel = "max"
)

// Validate returns an error if l is unknown.
func (l ZstdLevel) Validate() error {
	switch l {
	case "", FastestZstd, DefaultZstd, BetterZstd, BestZstd, MaxZstd:
		return nil
	}
	return fmt.Errorf("zstd level %q: want %s, %s, %s, %s or %s", string(l), FastestZstd, DefaultZstd, BetterZstd, BestZstd, MaxZstd)
}
