package registry

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/credentials"
	"github.com/slipway-build/slipway/images/hosts"
	"github.com/slipway-build/slipway/images/registry/transport"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/progress"
)

// Options configure a Client. Only Store is required.
type Options struct {
	// Store is where fetched content is written, and where content is looked up before a request.
	Store Store
	// Jobs is the number of concurrent blob transfers over all registries, and half of that of requests that ask for
	// manifests and blobs. 0 means 4, as in Docker: registries throttle or refuse clients with more.
	Jobs int
	// Offline forbids all network access, including checking whether a tag has moved. Content that
	// the store does not have is an error.
	Offline bool
	// AuthFiles are files in the format of Docker's config.json, in order of precedence.
	AuthFiles []string
	// Credentials maps registries, as spelled by name.Registry.RegistryStr (127.0.0.1:5000, index.docker.io), and paths
	// in registries (quay.io/team) to credentials. They take precedence over auth files.
	Credentials map[string]authn.AuthConfig
	// Hosts configures how registries are reached.
	Hosts hosts.Options
	// UserAgent is the User-Agent header of requests. Empty means slipway.
	UserAgent string
}

// A Store has the content that a client fetches, and the last known values of tags. *store.Store implements it and
// documents the methods.
type Store interface {
	// Dir names the store in errors.
	Dir() string

	Has(blob v1.Hash) bool
	Path(blob v1.Hash) string
	Put(ctx context.Context, want v1.Descriptor, r io.Reader) error
	Resume(ctx context.Context, want v1.Descriptor) (*store.Partial, error)
	ReadBlob(blob v1.Hash, limit int64) ([]byte, error)
	FetchBlob(ctx context.Context, want v1.Descriptor) bool
	ShareBlob(ctx context.Context, d v1.Descriptor)

	Image(manifest v1.Hash) (v1.Image, error)
	Index(manifest v1.Hash) (v1.ImageIndex, error)

	Record(ctx context.Context, kind, key string) ([]byte, bool)
	SetRecord(kind, key string, value []byte) error
	Lookup(name string) (v1.Descriptor, error)
}

// A Client pulls from registries and pushes to them. All its methods may be called from several
// goroutines.
type Client struct {
	store     Store
	offline   bool
	jobs      int
	keys      *credentials.Keys
	transport *transport.Transport
	pace      transport.Pace
	settle    time.Duration  // at least, before a referrers tag is read back
	transfers parallel.Slots // limits blob transfers, in either direction
	requests  parallel.Slots // limits other requests; a goroutine holds one slot at most
	calls     parallel.Calls

	mu sync.Mutex
	// writers serialize writes; see writing.
	writers map[string]parallel.Slots
	// subjects are the registries that have answered a PUT with OCI-Subject: they process the subjects of manifests
	// (distribution-spec, "Pushing Manifests with Subject").
	subjects map[string]bool
	// refusing are the repositories whose registry refuses to list referrers.
	refusing sync.Map
	// homes maps a registry and a digest to a repository that has the blob, for cross-repository
	// mounts.
	homes map[home]name.Repository
}

type home struct {
	registry string
	blob     v1.Hash
}

var _ images.Source = (*Client)(nil)

// New returns a client. It sends no request until a method is called.
func New(o Options) *Client {
	jobs := o.Jobs
	if jobs <= 0 {
		jobs = 4
	}
	keys := credentials.New(credentials.Options{Given: o.Credentials, Files: o.AuthFiles})
	return &Client{
		store:     o.Store,
		offline:   o.Offline,
		jobs:      jobs,
		keys:      keys,
		transport: transport.New(transport.Options{Keys: keys, Hosts: o.Hosts, UserAgent: o.UserAgent}),
		transfers: make(parallel.Slots, jobs),
		// Manifests are small and must not wait for blobs of gigabytes.
		requests: make(parallel.Slots, 2*jobs),
		homes:    map[home]name.Repository{},
		settle:   minSettle,
	}
}

// Image implements images.Source: it returns the image that ref names in a registry for platform,
// see images.ImageFor. Its config and layers are fetched on first use with ctx, which must not be
// canceled before that.
func (c *Client) Image(ctx context.Context, ref string, platform v1.Platform) (v1.Image, error) {
	parsed, err := images.ParseReference(ref)
	if err != nil {
		return nil, err
	}
	m, err := c.Resolve(ctx, parsed)
	if err != nil {
		return nil, err
	}
	found, err := m.choose(platform)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", images.Familiar(parsed), err)
	}
	if own, ok := found.(*image); ok && own.complete() {
		task := progress.Start(ctx, own.batch.name)
		task.SetCached()
		task.Done(nil)
	}
	return found, nil
}

// settled records that repo has the blob.
func (c *Client) settled(repo name.Repository, blob v1.Hash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.homes[home{repo.RegistryStr(), blob}] = repo
}

// homeOf returns another repository of the same registry that has the blob.
func (c *Client) homeOf(repo name.Repository, blob v1.Hash) (name.Repository, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from, ok := c.homes[home{repo.RegistryStr(), blob}]
	return from, ok && from.RepositoryStr() != repo.RepositoryStr()
}

// absent returns the error for content that is missing while offline.
func (c *Client) absent(what string) error {
	return transport.Failure(fmt.Sprintf("offline, and the cache %s does not have %s: run once online to fetch it", c.store.Dir(), what), fs.ErrNotExist)
}

// share makes concurrent callers with the same key share one call of do.
func (c *Client) share(ctx context.Context, key string, do func() error) error {
	_, err := parallel.Share(ctx, &c.calls, key, func() (struct{}, error) { return struct{}{}, do() })
	if err != nil && ctx.Err() != nil {
		return transport.Ended(ctx)
	}
	return err
}

// writing returns the semaphore that serializes writes to what key names. Manifest PUTs are serialized per repository:
// some registries write in place, and refuse a manifest while another request is rewriting its children.
func (c *Client) writing(key string) parallel.Slots {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writers == nil {
		c.writers = map[string]parallel.Slots{}
	}
	if c.writers[key] == nil {
		c.writers[key] = make(parallel.Slots, 1)
	}
	return c.writers[key]
}

// noteSubjects records that the registry of repo processes subjects.
func (c *Client) noteSubjects(repo name.Repository) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subjects == nil {
		c.subjects = map[string]bool{}
	}
	c.subjects[repo.RegistryStr()] = true
}

// hasSubjects reports whether the registry of repo has said that it processes subjects.
func (c *Client) hasSubjects(repo name.Repository) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subjects[repo.RegistryStr()]
}
