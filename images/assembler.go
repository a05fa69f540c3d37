package images

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A BuildContext is everything that decides what a Dockerfile becomes for one
// platform. Two equal build contexts over equal files make the same image, byte
// for byte.
type BuildContext struct {
	// Dir is the folder that COPY and ADD read from.
	Dir string
	// Dockerfile is the path of the Dockerfile, absolute or relative to the
	// working folder (not to Dir). Messages name it.
	Dockerfile string
	// Target is the stage to build, by name; empty means the last.
	Target string
	// Platform is what is built, with the exact os.version for Windows.
	Platform v1.Platform
	// Args are build arguments (--build-arg).
	Args map[string]string
	// Labels are added to the config's.
	Labels map[string]string
	// Contexts are named contexts (--build-context): a folder,
	// docker-image://REF or oci-layout://DIR[:TAG|@DIGEST].
	Contexts map[string]string
	// Modes are those of the files and folders of contexts.
	Modes Modes
	// Epoch is the one time of the image: it stands in config and history. If it is
	// zero, nobody gave one: SOURCE_DATE_EPOCH of the Dockerfile counts, else the
	// Unix epoch.
	Epoch time.Time
	// Format pins media types and compression.
	Format Format
	// NoCache makes the assembler ignore what it made before.
	NoCache bool
}

// An Assembler turns a Dockerfile into an image. The three are
// images/assemble (in process), and images/engine (BuildKit, Docker Engine).
type Assembler interface {
	Assemble(ctx context.Context, build BuildContext) (v1.Image, error)
}

// A BuilderKind says what makes images of Dockerfiles: this process, Docker Engine or a buildkitd.
type BuilderKind string

// The kinds of builders. An empty BuilderKind stands for the default of its user.
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

// A Source yields images by reference.
type Source interface {
	// Image returns the image that ref names for platform. ref is a registry
	// reference or, as in a named context, oci-layout://DIR[:TAG|@DIGEST].
	// Errors name ref. An image that lacks the platform is an error that wraps
	// *NoPlatformError. Layers may be fetched as late as when they are read.
	Image(ctx context.Context, ref string, platform v1.Platform) (v1.Image, error)
}

// A LayerStore makes layers and remembers them.
type LayerStore interface {
	// Layer returns the layer that was made earlier under key and compression.
	// If there is none, it calls write, which writes the layer's uncompressed
	// tar; nothing of it is held in memory. Callers that ask for the same key at
	// the same time share one call of write. An empty key is not remembered.
	// write's errors are returned as they are, and leave nothing behind.
	Layer(ctx context.Context, key string, compression Compression, write func(io.Writer) error) (v1.Layer, error)
	// FileDigest returns the SHA-256 of the file at path, whose Lstat is info.
	// It is remembered by path, size, modification time and inode, so that a
	// file that did not change costs no read.
	FileDigest(ctx context.Context, path string, info fs.FileInfo) (v1.Hash, error)
}
