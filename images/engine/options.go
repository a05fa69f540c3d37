package engine

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/engine/endpoint"
	"github.com/slipway-build/slipway/images/engine/ingest"
	"github.com/slipway-build/slipway/images/engine/session"
	"github.com/slipway-build/slipway/images/store"
)

// Options specify the engine and the inputs of its builds.
type Options struct {
	// Address of the engine; empty means its default socket. For BuildKit: unix://, tcp://,
	// docker-container://, podman-container://, nerdctl-container://, kube-pod://, ssh:// or
	// npipe://, as in BUILDKIT_HOST. For Docker: unix://, tcp://, ssh:// or npipe://, as in
	// DOCKER_HOST.
	Address string
	// TLS is for tcp:// addresses; the zero value means plain TCP.
	TLS endpoint.TLS
	// Patience is the time for which the engine may leave a question unanswered while it builds; then the build fails. 0
	// means no limit.
	Patience time.Duration
	// Store receives the layers that the engine builds, and provides the layers of bases.
	Store Store
	// Sources provides base images. The engine itself resolves none. Nil is sufficient for a
	// Dockerfile FROM scratch.
	Sources images.Source
	// Keychain has the credentials for registries with caches; nil has none.
	Keychain authn.Keychain
	// Secrets and SSH are available to RUN --mount=type=secret and type=ssh.
	Secrets []session.Secret
	SSH     []session.Agent
	// CacheFrom and CacheTo are the build caches that the engine reads and writes.
	CacheFrom, CacheTo []session.Cache
	// Entitlements are what RUN may request: network.host, security.insecure. The engine must allow
	// them too.
	Entitlements []string
}

// A Store has layers and records about them. *store.Store implements it and documents the methods.
type Store interface {
	ingest.Store
	Has(blob v1.Hash) bool
	Check(ctx context.Context, blob v1.Hash) error
	Open(blob v1.Hash) (*os.File, error)
	Put(ctx context.Context, want v1.Descriptor, r io.Reader) error
	Info(ctx context.Context, blob v1.Hash) (store.BlobInfo, error)
}
