package registry

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/singleflight"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/credentials"
	"github.com/slipway-build/slipway/images/hosts"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/progress"
)

// Options say how registries are spoken to. Only Store must be set.
type Options struct {
	// Store is where content is fetched to, and what is asked first.
	Store *store.Store
	// Jobs is how many blobs may be under way at a time, over all registries; 0
	// means 4, as Docker has it: registries slow down or refuse who asks for more.
	Jobs int
	// Offline makes everything an error that the store does not hold. There is no
	// network then, not even to ask whether a tag moved.
	Offline bool
	// AuthFiles are Docker's config.json and files of its form, in the order in which they
	// are asked for credentials.
	AuthFiles []string
	// Credentials are by registry, as name.Registry.RegistryStr spells it:
	// 127.0.0.1:5000, index.docker.io. They win over auth files.
	Credentials map[string]authn.AuthConfig
	// Hosts says how registries are reached, as far as their names do not.
	Hosts hosts.Options
	// UserAgent is what registries find in their logs; empty means slipway.
	UserAgent string
}

// A Client pulls from registries and pushes to them. All its methods may be called
// from several goroutines.
type Client struct {
	store     *store.Store
	offline   bool
	jobs      int
	keys      *credentials.Keys
	wire      http.RoundTripper
	agent     http.Header // names the program
	secrets   *redact.Secrets
	where     hosts.Options
	pace      pace
	transfers slots // blobs, either way
	requests  slots // manifests
	flights   singleflight.Group

	mu        sync.Mutex
	hosts     map[string][]*host // by registry; the registry itself is the last
	endpoints map[string]*endpoint
	// writers serialize manifest PUTs, by repository.
	writers map[string]slots
	// homes are repositories that have a blob, by registry and digest, for mounting.
	homes map[home]name.Repository
}

type home struct {
	registry string
	blob     v1.Hash
}

var _ images.Source = (*Client)(nil)

// New returns a client. It does nothing until it is asked for something.
func New(o Options) *Client {
	jobs := o.Jobs
	if jobs <= 0 {
		jobs = 4
	}
	agent := http.Header{"User-Agent": {cmp.Or(o.UserAgent, "slipway")}}
	return &Client{
		store:     o.Store,
		offline:   o.Offline,
		jobs:      jobs,
		keys:      credentials.New(credentials.Options{Given: o.Credentials, Files: o.AuthFiles}),
		wire:      newWire(agent, defaultPatience, nil, 0),
		agent:     agent,
		secrets:   &redact.Secrets{},
		where:     o.Hosts,
		pace:      defaultPace,
		transfers: make(slots, jobs),
		// Manifests are small, and must not wait for blobs of gigabytes.
		requests:  make(slots, 2*jobs),
		hosts:     map[string][]*host{},
		endpoints: map[string]*endpoint{},
		homes:     map[home]name.Repository{},
	}
}

// Image implements images.Source: it returns the image that ref names in a
// registry for platform, see images.ImageFor. Its config and layers are fetched
// when they are asked for, under ctx, which must not end before the image was used.
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

// Platforms returns the platforms of the images that ref names, in the order of
// its index; attestations are none. For a single image it is the config's.
func (c *Client) Platforms(ctx context.Context, ref name.Reference) ([]v1.Platform, error) {
	m, err := c.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	platforms, err := m.platforms()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", images.Familiar(ref), err)
	}
	return platforms, nil
}

// settled notes that repo has a blob.
func (c *Client) settled(repo name.Repository, blob v1.Hash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.homes[home{repo.RegistryStr(), blob}] = repo
}

// homeOf is another repository of the same registry that has the blob.
func (c *Client) homeOf(repo name.Repository, blob v1.Hash) (name.Repository, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from, ok := c.homes[home{repo.RegistryStr(), blob}]
	return from, ok && from.RepositoryStr() != repo.RepositoryStr()
}

// absent says what an offline run lacks.
func (c *Client) absent(what string) error {
	return &failure{
		text:  fmt.Sprintf("offline, and %s does not hold %s; run once with a network to get it", c.store.Dir(), what),
		cause: fs.ErrNotExist,
	}
}

// share lets callers who want the same thing at the same time share one doing of
// it. A caller whose own context goes on does not fail with another's that ended.
func (c *Client) share(ctx context.Context, key string, do func() error) error {
	for {
		led := false
		result := c.flights.DoChan(key, func() (any, error) {
			led = true
			return nil, do()
		})
		select {
		case <-ctx.Done():
			return ended(ctx)
		case r := <-result:
			if r.Err == nil || led || ctx.Err() != nil || !isEnded(r.Err) {
				return r.Err
			}
		}
	}
}

// writing serializes manifest PUTs per repository: some registries write in place, and
// refuse a manifest whose children another request is writing again.
func (c *Client) writing(repo name.Repository) slots {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writers == nil {
		c.writers = map[string]slots{}
	}
	if c.writers[repo.Name()] == nil {
		c.writers[repo.Name()] = make(slots, 1)
	}
	return c.writers[repo.Name()]
}

// slots bound how many do something at a time.
type slots chan struct{}

func (s slots) acquire(ctx context.Context) (release func(), err error) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	case <-ctx.Done():
		return nil, ended(ctx)
	}
}
