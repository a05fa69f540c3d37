package docker

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	dockerimage "github.com/docker/docker/api/types/image"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/engine/endpoint"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/progress"
)

// InvalidRegistry is a registry that cannot exist (RFC 2606), for the names of images that need none.
const InvalidRegistry = "slipway.invalid"

// A Base is an image that a build starts from.
type Base struct {
	// Name is the name of the image in messages.
	Name   string
	Digest v1.Hash
	// Config is the image's config, as JSON.
	Config []byte
	Image  v1.Image
}

// Content provides the layers of bases.
type Content interface {
	// OpenLayer opens the file of a layer, after checking it.
	OpenLayer(ctx context.Context, digest v1.Hash) (*os.File, error)
	// UncompressedSize returns the size of a layer's tar, in bytes. The layer must have been opened.
	UncompressedSize(ctx context.Context, digest v1.Hash) (int64, error)
}

// A Temporary has the images that are in an Engine under temporary names during one build: its bases and its result. An
// Engine with its own image store cannot read bases from us during the build, as BuildKit otherwise does; they must be
// in its store, under names. Several goroutines may use a Temporary.
type Temporary struct {
	client  *Client
	content Content
	prefix  string

	mu sync.Mutex
	// loaded has the bases that the Engine has, by digest.
	loaded map[v1.Hash]loaded
	// names has all reserved names, including those of images that could not be loaded.
	names []string
}

// A loaded is a base in an Engine.
type loaded struct {
	tag      string
	platform ocispec.Platform
}

// Temporary returns a Temporary without images. prefix is prepended to the names of tasks.
func (c *Client) Temporary(prefix string, content Content) *Temporary {
	return &Temporary{client: c, content: content, prefix: prefix, loaded: map[v1.Hash]loaded{}}
}

// Reserve returns a unique name for an image that the Engine will have. what becomes a part of it.
func (t *Temporary) Reserve(what string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reserve(what)
}

// reserve returns a unique name in a registry that cannot exist. The caller holds the lock.
func (t *Temporary) reserve(what string) string {
	unique := make([]byte, 16)
	_, _ = rand.Read(unique) // never fails
	name := fmt.Sprintf("%s/%s:%x", InvalidRegistry, what, unique)
	t.names = append(t.names, name)
	return name
}

// Load sends b to the Engine, once. It returns the name of b there, and the platform under which the Engine has it.
func (t *Temporary) Load(ctx context.Context, b Base) (tag string, platform ocispec.Platform, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l, ok := t.loaded[b.Digest]; ok {
		return l.tag, l.platform, nil
	}
	tag = t.reserve("base")
	config, platform, err := loadedConfig(b.Config)
	if err != nil {
		return "", ocispec.Platform{}, err
	}
	id, _, err := v1.SHA256(bytes.NewReader(config))
	if err != nil {
		return "", ocispec.Platform{}, err
	}
	// Docker's ID of an image is the digest of its config, so an image that was pulled before is
	// recognized.
	err = RetryRemoved(func() error {
		err := t.client.api.ImageTag(ctx, id.String(), tag)
		if errdefs.IsNotFound(err) {
			err = t.send(ctx, b, config, tag)
		}
		return err
	}, func() error {
		_, err := t.client.api.ImageInspect(ctx, tag)
		return err
	})
	if err != nil {
		return "", ocispec.Platform{}, err
	}
	t.loaded[b.Digest] = loaded{tag, platform}
	return tag, platform, nil
}

// loadedConfig returns the config that the engine receives for a base, and its platform. The engine's own store refuses
// images without an operating system or for another one. Since it only has to hold the layers, such a config is changed
// to linux.
func loadedConfig(config []byte) ([]byte, ocispec.Platform, error) {
	var stated ocispec.Platform
	if err := json.Unmarshal(config, &stated); err != nil {
		return nil, ocispec.Platform{}, fmt.Errorf("reading its config: %w", err)
	}
	p := platforms.Normalize(ocispec.Platform{OS: "linux", Architecture: cmp.Or(stated.Architecture, "amd64"), Variant: stated.Variant})
	if stated.OS != "linux" || stated.Architecture == "" {
		var fields map[string]any
		if err := json.Unmarshal(config, &fields); err != nil {
			return nil, ocispec.Platform{}, fmt.Errorf("reading its config: %w", err)
		}
		fields["os"], fields["architecture"] = p.OS, p.Architecture
		delete(fields, "os.version")
		var err error
		if config, err = json.Marshal(fields); err != nil {
			return nil, ocispec.Platform{}, err
		}
	}
	return config, p, nil
}

// send streams b to the engine as a docker-archive.
func (t *Temporary) send(ctx context.Context, b Base, config []byte, tag string) (err error) {
	task := progress.Start(ctx, t.prefix+"load "+b.Name)
	defer func() { task.Done(err) }()
	return t.client.LoadArchive(ctx, func(w io.Writer) error { return t.archive(ctx, io.MultiWriter(w, task), b, config, tag) })
}

var errStopped = errors.New("the engine stopped reading")

// loadResult reads the engine's output during a load, and returns the error in it.
func loadResult(r io.Reader) error {
	for d := json.NewDecoder(io.LimitReader(r, maxJSON)); ; {
		var message struct {
			Error string `json:"error"`
		}
		switch err := d.Decode(&message); {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(net.Error)):
			return &lostError{err}
		case err != nil:
			return fmt.Errorf("reading the engine's answer: %w", err)
		case message.Error != "":
			return errors.New(message.Error)
		}
	}
}

// archive writes b as a docker-archive with the name tag.
func (t *Temporary) archive(ctx context.Context, w io.Writer, b Base, config []byte, tag string) error {
	manifest, err := b.Image.Manifest()
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	listed := dockerManifest{Config: "config.json", RepoTags: []string{tag}, Layers: []string{}}
	for i, d := range manifest.Layers {
		name := fmt.Sprintf("%d.tar", i)
		listed.Layers = append(listed.Layers, name)
		if err := t.archiveLayer(ctx, out, name, d); err != nil {
			return fmt.Errorf("reading its layer %s: %w", d.Digest, err)
		}
	}
	raw, err := json.Marshal([]dockerManifest{listed})
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		data []byte
	}{{listed.Config, config}, {"manifest.json", raw}} {
		if err := out.WriteHeader(archiveHeader(file.name, int64(len(file.data)))); err != nil {
			return err
		}
		if _, err := out.Write(file.data); err != nil {
			return err
		}
	}
	return out.Close()
}

// archiveLayer writes one layer. A zstd layer is decompressed, since Engines before 23.0 do not support zstd; its
// uncompressed size must be known in advance.
func (t *Temporary) archiveLayer(ctx context.Context, out *tar.Writer, name string, d v1.Descriptor) error {
	f, err := t.content.OpenLayer(ctx, d.Digest)
	if err != nil {
		return err
	}
	defer f.Close()
	compression, plain, err := sniff.Open(f)
	if err != nil {
		return err
	}
	defer plain.Close()
	var content io.Reader = plain
	size := d.Size
	if compression == sniff.Zstd {
		size, err = t.content.UncompressedSize(ctx, d.Digest)
	} else {
		content = f
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	if err := out.WriteHeader(archiveHeader(name, size)); err != nil {
		return err
	}
	_, err = io.Copy(out, content)
	return err
}

func archiveHeader(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size}
}

// dockerManifest is an entry of a docker-archive's manifest.json.
type dockerManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// cleanupTimeout limits the time for an engine to remove a name.
const cleanupTimeout = 30 * time.Second

// Remove removes the names from the Engine, and the images without another name, even if the build was canceled.
func (t *Temporary) Remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	t.mu.Lock()
	names := slices.Clone(t.names)
	t.mu.Unlock()
	var errs []error
	for _, tag := range names {
		_, err := t.client.api.ImageRemove(ctx, tag, dockerimage.RemoveOptions{PruneChildren: true})
		if err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("removing %s from Docker Engine: %w", tag, endpoint.Plain(err)))
		}
	}
	return errors.Join(errs...)
}
