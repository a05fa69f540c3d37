package images

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A BuildContext has everything that determines the image of a Dockerfile for one platform. Equal
// build contexts over equal files make the same image, byte for byte.
type BuildContext struct {
	// Dir is the folder that COPY and ADD read from.
	Dir string
	// Dockerfile is the path of the Dockerfile, absolute or relative to the
	// working folder (not to Dir). Messages name it.
	Dockerfile string
	// Target is the stage to build, by name; empty means the last.
	Target string
	// Platform is the platform of the image, with the exact os.version for Windows.
	Platform v1.Platform
	// Args are build arguments (--build-arg).
	Args map[string]string
	// Labels are added to the config's.
	Labels map[string]string
	// Contexts are named contexts (--build-context): a folder,
	// docker-image://REF or oci-layout://DIR[:TAG|@DIGEST].
	Contexts map[string]string
	// Modes are the modes of files and folders of contexts.
	Modes Modes
	// Epoch is the only time in the image: in its config and history. If it is zero, the
	// SOURCE_DATE_EPOCH of the Dockerfile is used, or else the Unix epoch.
	Epoch time.Time
	// Format determines media types and compression.
	Format Format
	// NoCache makes the assembler ignore cached results.
	NoCache bool
}

// An Assembler makes an image from a Dockerfile. The implementations are images/assemble (in
// process) and images/engine (BuildKit and Docker Engine).
type Assembler interface {
	Assemble(ctx context.Context, build BuildContext) (v1.Image, error)
}

// A BuilderKind is the program that makes images: this process, Docker Engine or a buildkitd.
type BuilderKind string

// The kinds of builders. The empty BuilderKind selects a default.
const (
	EmbeddedBuilder BuilderKind = "embedded"
	DockerBuilder   BuilderKind = "docker"
	BuildkitBuilder BuilderKind = "buildkit"
)

// Validate returns an error unless k is empty or one of the kinds.
func (k BuilderKind) Validate() error {
	switch k {
	case "", EmbeddedBuilder, DockerBuilder, BuildkitBuilder:
		return nil
	}
	return fmt.Errorf("builder %q: want embedded, docker or buildkit", k)
}

// A Source returns images by reference.
type Source interface {
	// Image returns the image of ref for platform. ref is a registry reference or, as in a named
	// context, oci-layout://DIR[:TAG|@DIGEST]. Errors contain ref. If the image lacks the
	// platform, the error wraps *NoPlatformError. Layers may be fetched only when they are read.
	Image(ctx context.Context, ref string, platform v1.Platform) (v1.Image, error)
}

// A LayerStore makes and caches layers.
type LayerStore interface {
	// Layer returns the layer that was cached under key and compression. If there is none, it
	// calls write, which writes the uncompressed tar of the layer; the tar is not held in memory.
	// Concurrent calls with the same key share one call of write. With an empty key, the layer is
	// not cached. Errors of write are returned unchanged, and nothing is cached then.
	Layer(ctx context.Context, key string, compression Compression, write func(io.Writer) error) (v1.Layer, error)
	// FileDigest returns the SHA-256 of the file at path, whose Lstat is info. It is cached by
	// path, size, modification time and inode, so that an unchanged file is not read again.
	FileDigest(ctx context.Context, path string, info fs.FileInfo) (v1.Hash, error)
}
