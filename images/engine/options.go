package engine

import (
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/engine/endpoint"
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
	// Store receives the layers that the engine builds, and provides the layers of bases.
	Store *store.Store
	// Sources provides base images. The engine itself resolves none. Nil is sufficient for a
	// Dockerfile FROM scratch.
	Sources images.Source
	// Keychain has the credentials for registries with caches; nil has none.
	Keychain authn.Keychain
	// Secrets and SSH are for RUN --mount=type=secret and type=ssh.
	Secrets []session.Secret
	SSH     []session.Agent
	// CacheFrom and CacheTo are the places where the engine reads and writes build caches.
	CacheFrom, CacheTo []session.Cache
	// Entitlements are what RUN may request: network.host, security.insecure. The engine must allow
	// them too.
	Entitlements []string
}
