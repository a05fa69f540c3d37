package workbench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/gocache"
	"github.com/slipway-build/slipway/build/workbench/caches"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/pack/arrange"
	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/engine/docker"
	"github.com/slipway-build/slipway/images/engine/endpoint"
	"github.com/slipway-build/slipway/images/engine/fleet"
	"github.com/slipway-build/slipway/images/engine/session"
	"github.com/slipway-build/slipway/images/hosts"
	"github.com/slipway-build/slipway/images/registry"
	"github.com/slipway-build/slipway/images/source"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/usage"
)

// Options specify how images are made, fetched and kept.
type Options struct {
	// Platforms are the platforms of images or archives.
	Platforms []v1.Platform
	// Builder is the builder of images, if it is not empty.
	Builder images.BuilderKind
	// BuildkitHost and DockerHost are the addresses of engines.
	BuildkitHost, DockerHost string
	// BuildkitTLS and DockerTLS are folders with ca.pem, cert.pem and key.pem for addresses that begin with tcp://;
	// empty means plain TCP.
	BuildkitTLS, DockerTLS string
	// SSHAgent is the socket of the agent for RUN --mount=type=ssh; empty means that none is running.
	SSHAgent string
	// SourceDateEpoch is the time of images, in seconds since 1970. If it is empty, the Dockerfile may set it.
	SourceDateEpoch string
	// AuthFiles are files with credentials, such as Docker's config.json, in order of precedence.
	AuthFiles []string
	// Username and Password are sent only to OwnRegistry; empty means Docker Hub.
	Username, Password, OwnRegistry string
	// Credentials maps registries and paths in registries, such as quay.io/team, to credentials. They take precedence
	// over Username and Password.
	Credentials map[string]authn.AuthConfig
	// Registries maps HOST or HOST:PORT to the settings of a registry. PlainHTTP are registries to contact over plain
	// HTTP. CertDirs have a folder for each registry, with certificates or hosts.toml; see package hosts. PlainHTTP
	// takes precedence over Registries, and Registries over CertDirs.
	Registries map[string]hosts.Setting
	PlainHTTP  []string
	CertDirs   []string
	// Jobs is the maximum number of concurrent operations.
	Jobs int
	// Cache is the folder of the content cache, and CacheSize its limit in bytes, which Tidy enforces.
	Cache     string
	CacheSize int64
	// Shared says where content is shared with other machines.
	Shared caches.Shared
	// UnpackLimit limits the unpacked size of an archive, a layer or a download, in bytes; 0 means 64 GiB.
	UnpackLimit int64
	// Pin, unless it is nil, returns the digest to use instead of a tag; see source.Resolver.
	Pin func(tag name.Tag) (digest name.Digest, at string, err error)
	// Offline forbids every use of the network.
	Offline bool
	// NoCache makes images anew.
	NoCache bool
	// Getenv looks up the environment variables for secrets of images.
	Getenv func(string) (string, bool)
}

// Transfers returns the number of concurrent transfers: at least four even on a small machine, since they wait for the
// network and not for a processor.
func (o Options) Transfers() int { return max(o.Jobs, 4) }

// hosts returns the configuration of registries.
func (o Options) hosts() hosts.Options {
	options := hosts.Options{Dirs: o.CertDirs}
	for host, setting := range o.Registries {
		options = options.With(host, setting)
	}
	for _, host := range o.PlainHTTP {
		options = options.With(host, hosts.Setting{PlainHTTP: true})
	}
	return options
}

// A Workbench makes images, with or without a project.
type Workbench struct {
	options Options
	// Cache is the content cache. Shared has what other machines made, and may be nil.
	Cache  *store.Store
	Shared *cache.Cache
	// Registry pulls from registries into the cache, and pushes to them.
	Registry *registry.Client
	// Sources finds images by the references of users, and Bases the base images of builders.
	Sources  *source.Resolver
	Bases    *source.Bases
	builders parallel.Memo[images.Assembler]
	fleet    fleet.Fleet // all BuildKits
}

// Open opens the content cache and returns a Workbench.
func Open(o Options) (*Workbench, error) {
	content, err := openCache(o.Cache)
	if err != nil {
		return nil, err
	}
	credentials := map[string]authn.AuthConfig{}
	if o.Username != "" {
		own, err := name.NewRegistry(cmp.Or(o.OwnRegistry, name.DefaultRegistry))
		if err != nil {
			return nil, fmt.Errorf("registry %s: %w", o.OwnRegistry, err)
		}
		credentials[own.RegistryStr()] = authn.AuthConfig{Username: o.Username, Password: o.Password}
	}
	maps.Copy(credentials, o.Credentials)
	client := registry.New(registry.Options{
		Store: content, Jobs: o.Transfers(), Offline: o.Offline, AuthFiles: o.AuthFiles,
		Credentials: credentials, UserAgent: "slipway", Hosts: o.hosts(),
	})
	shared, err := o.Shared.Open(caches.Surroundings{Client: client, Getenv: o.Getenv, Offline: o.Offline})
	if err != nil {
		return nil, errors.Join(err, content.Close())
	}
	content.Use(shared, arrange.SketchKind, gocache.ActionKind)
	sources := source.NewResolver(client, content, docker.Options{Address: o.DockerHost, TLS: tlsFiles(o.DockerTLS)})
	sources.Pin = o.Pin
	return &Workbench{options: o, Cache: content, Registry: client, Sources: sources, Bases: sources.Bases(), Shared: shared}, nil
}

// Close closes the cache and the archives that images were read from. Neither the workbench nor an image of it may be
// used afterwards.
func (w *Workbench) Close() error {
	w.Shared.Close()
	return errors.Join(w.Cache.Close(), w.Sources.Close())
}

// EngineOptions are options of engines, spelled as flags of docker buildx build. The embedded builder refuses them.
type EngineOptions struct {
	// Secrets are id=NAME,src=FILE or id=NAME,env=VARIABLE; SSH is default, ID=SOCKET or ID=KEY.
	Secrets, SSH []string
	// CacheFrom and CacheTo are type=registry,ref=REF, type=local with src=DIR or dest=DIR, or type=inline.
	CacheFrom, CacheTo []string
	// Allow are network.host and security.insecure.
	Allow []string
}

// Assembler returns a builder. The BuildKits at addresses share its builds; none means the one in the options.
func (w *Workbench) Assembler(ctx context.Context, builder images.BuilderKind, addresses []string, given EngineOptions) (images.Assembler, error) {
	builder = cmp.Or(builder, images.EmbeddedBuilder)
	return w.builders.Do(ctx, fmt.Sprintf("%q %q %q", builder, addresses, given), func() (images.Assembler, error) {
		if builder == images.EmbeddedBuilder {
			return assemble.New(assemble.Options{Layers: w.Cache, Sources: w.Bases,
				Limits: assemble.Limits{Bytes: w.options.UnpackLimit}}), given.refuse()
		}
		options, err := w.engineOptions(given)
		if err != nil {
			return nil, usage.Wrap(err)
		}
		switch builder {
		case images.BuildkitBuilder:
			options.Address, options.TLS = w.options.BuildkitHost, tlsFiles(w.options.BuildkitTLS)
			return w.fleet.Buildkit(options, addresses), nil
		case images.DockerBuilder:
			options.Address, options.TLS = w.options.DockerHost, tlsFiles(w.options.DockerTLS)
			return engine.Docker(options), nil
		}
		return nil, usage.Wrap(builder.Validate())
	})
}

// refuse returns an error for each option, since the embedded builder supports none.
func (e EngineOptions) refuse() error {
	var errs []error
	for _, o := range []struct {
		name string
		have []string
	}{{"secrets", e.Secrets}, {"ssh", e.SSH}, {"cache-from", e.CacheFrom}, {"cache-to", e.CacheTo}, {"allow", e.Allow}} {
		if len(o.have) > 0 {
			errs = append(errs, fmt.Errorf("%s: want builder docker or buildkit, since the embedded builder has no RUN and caches layers in the content cache", o.name))
		}
	}
	return usage.Wrap(errors.Join(errs...))
}

// engineOptions parses the options of an engine.
func (w *Workbench) engineOptions(given EngineOptions) (engine.Options, error) {
	options := engine.Options{Store: w.Cache, Sources: w.Bases, Keychain: w.Registry.Keychain(), Entitlements: given.Allow}
	var errs []error
	for _, text := range given.Secrets {
		secret, err := session.ParseSecret(text, w.options.Getenv)
		options.Secrets, errs = append(options.Secrets, secret), append(errs, err)
	}
	for _, text := range given.SSH {
		agent, err := session.ParseAgent(text, w.options.SSHAgent)
		options.SSH, errs = append(options.SSH, agent), append(errs, err)
	}
	for _, text := range given.CacheFrom {
		cache, err := session.ParseCache(text)
		options.CacheFrom, errs = append(options.CacheFrom, cache), append(errs, err)
	}
	for _, text := range given.CacheTo {
		cache, err := session.ParseCache(text)
		options.CacheTo, errs = append(options.CacheTo, cache), append(errs, err)
	}
	return options, errors.Join(errs...)
}

// CheckEngineOptions returns an error if an option is invalid, or a secret is missing.
func (w *Workbench) CheckEngineOptions(given EngineOptions) error {
	_, err := w.engineOptions(given)
	return err
}

// tlsFiles returns the files of a TLS folder, with the names that Docker and buildctl use.
func tlsFiles(dir string) endpoint.TLS {
	if dir == "" {
		return endpoint.TLS{}
	}
	return endpoint.TLS{CACert: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
}

// parseTags parses references that must have a tag.
func parseTags(texts []string) ([]name.Tag, error) {
	var (
		tags []name.Tag
		errs []error
	)
	for _, text := range texts {
		ref, err := images.ParseReference(images.TrimTransport(text))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		tag, ok := ref.(name.Tag)
		if !ok {
			errs = append(errs, fmt.Errorf("%s has a digest: want a tag", text))
			continue
		}
		tags = append(tags, tag)
	}
	return tags, usage.Wrap(errors.Join(errs...))
}
