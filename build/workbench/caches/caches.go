package caches

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/images/cache/places"
	"github.com/slipway-build/slipway/images/registry"
	"github.com/slipway-build/slipway/internal/usage"
)

// A Shared says where content is shared with other machines.
type Shared struct {
	// From are the places that are read, in order of precedence, and To those that are written.
	From, To Places
	// PublicKey has the keys that entries must be signed by, and Key is the private key that signs new ones: a file, or
	// env:// and the name of an environment variable that contains it. Password is the environment variable with its
	// password; the default is COSIGN_PASSWORD. A Key in a variable that is not set signs nothing, so that a job without
	// secrets only reads.
	PublicKey, Key, Password string
}

// Places are places of a shared cache, spelled as for docker buildx build: type=registry,ref=REPOSITORY,
// type=s3,bucket=NAME,… or type=local with src=DIR or dest=DIR.
type Places struct {
	// Texts are the places. None alone means that there are none, whatever slipway.yaml says.
	Texts []string
	// Dir is the folder of relative paths in them; empty means the current one.
	Dir string
}

// Surroundings are what places are opened with.
type Surroundings struct {
	// Client reaches registries.
	Client *registry.Client
	// Getenv looks up environment variables: those of keys, and those of AWS's tools.
	Getenv func(string) (string, bool)
	// Offline leaves out places that need a network.
	Offline bool
}

// None is the text of no place.
const None = "none"

// Open returns the cache, or nil if there are no places. It sends no request.
func (s Shared) Open(o Surroundings) (*cache.Cache, error) {
	if o.Getenv == nil {
		o.Getenv = func(string) (string, bool) { return "", false }
	}
	from, fromErr := s.From.open(o)
	to, toErr := s.To.open(o)
	if err := errors.Join(fromErr, toErr); err != nil {
		return nil, usage.Wrap(err)
	}
	if len(from)+len(to) == 0 {
		return nil, nil
	}
	options := cache.Options{From: from, To: to}
	if err := s.keys(&options, o.Getenv); err != nil {
		return nil, usage.Wrap(err)
	}
	return cache.New(options), nil
}

// keys reads the public keys. The private key is read when something is signed, since decrypting it takes a second.
func (s Shared) keys(options *cache.Options, getenv func(string) (string, bool)) (err error) {
	source := proof.KeySource{PublicKey: s.PublicKey, Key: s.Key, Password: s.Password, Getenv: getenv}
	if s.PublicKey != "" {
		if options.Trusted, err = source.PublicKeys(); err != nil {
			return fmt.Errorf("shared cache: %w", err)
		}
	}
	switch {
	case s.Key == "" || !source.KeyGiven():
		return nil
	case s.PublicKey == "":
		return errors.New("shared cache: missing public key: entries are signed, so the key to verify them with is needed")
	}
	options.Signer = source.Signer
	return nil
}

func (c Places) open(o Surroundings) ([]cache.Place, error) {
	if len(c.Texts) == 1 && c.Texts[0] == None {
		return nil, nil
	}
	var (
		all  []cache.Place
		errs []error
	)
	for _, text := range c.Texts {
		spec, err := cache.ParseSpec(text)
		if err == nil && o.Offline && spec.Type != "local" {
			continue
		}
		var place cache.Place
		if err == nil {
			place, err = openPlace(spec, c.Dir, o)
		}
		all, errs = append(all, place), append(errs, err)
	}
	return all, errors.Join(errs...)
}

func openPlace(spec cache.Spec, relativeTo string, o Surroundings) (cache.Place, error) {
	switch spec.Type {
	case "registry":
		repo, err := spec.Repository()
		return places.NewRepository(repo, o.Client), err
	case "local":
		return places.NewFolder(folder(spec, relativeTo)), nil
	}
	options := s3Options(spec, o.Getenv)
	bucket, err := places.NewBucket(options)
	if err != nil {
		return nil, fmt.Errorf("cache type=s3,bucket=%s: %w", options.Bucket, err)
	}
	return bucket, nil
}

// folder returns the folder of type=local.
func folder(spec cache.Spec, relativeTo string) string {
	dir := filepath.FromSlash(cmp.Or(spec.Attributes["dest"], spec.Attributes["src"]))
	if filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(relativeTo, dir)
}

// s3Options returns the options of type=s3, of which the environment completes some.
func s3Options(spec cache.Spec, getenv func(string) (string, bool)) places.S3Options {
	a, env := spec.Attributes, func(name string) string { value, _ := getenv(name); return value }
	options := places.S3Options{Bucket: a["bucket"], Prefix: a["prefix"],
		Endpoint:  cmp.Or(a["endpoint"], a["endpoint_url"], env("AWS_ENDPOINT_URL_S3"), env("AWS_ENDPOINT_URL")),
		Region:    cmp.Or(a["region"], env("AWS_REGION"), env("AWS_DEFAULT_REGION")),
		AccessKey: a["access_key_id"], SecretKey: a["secret_access_key"], SessionToken: a["session_token"]}
	if options.AccessKey == "" {
		options.AccessKey, options.SecretKey, options.SessionToken = env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"), env("AWS_SESSION_TOKEN")
	}
	return options
}
