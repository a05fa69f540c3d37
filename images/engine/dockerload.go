package engine

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
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	dockerimage "github.com/docker/docker/api/types/image"
	docker "github.com/docker/docker/client"
	"github.com/moby/buildkit/solver/pb"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/progress"
)

// loads are the bases that a Docker Engine receives for one build. An engine with its own image
// store cannot read a base from us during the build, as BuildKit otherwise does: it must have the
// image, under a name.
type loads struct {
	docker *docker.Client
	bases  *bases
	prefix string

	mu sync.Mutex
	// tags are the names under which the engine has bases, by digest.
	tags map[v1.Hash]string
}

// temporaryTag returns a unique name in a registry that cannot exist.
func temporaryTag(what string) string {
	return fmt.Sprintf("%s/%s:%x", aliasHost, what, randomBytes())
}

func randomBytes() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return b
}

// load sends b to the engine, once, and returns its name there.
func (l *loads) load(ctx context.Context, b *base) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tag, ok := l.tags[b.digest]; ok {
		return tag, nil
	}
	if l.tags == nil {
		l.tags = map[v1.Hash]string{}
	}
	tag := temporaryTag("base")
	config, _, err := loadedConfig(b.config)
	if err != nil {
		return "", err
	}
	id, _, err := v1.SHA256(bytes.NewReader(config))
	if err != nil {
		return "", err
	}
	// Docker's ID of an image is the digest of its config, so an image that was pulled before is
	// recognized.
	err = l.docker.ImageTag(ctx, id.String(), tag)
	if errdefs.IsNotFound(err) {
		err = l.send(ctx, b, tag)
	}
	if err != nil {
		return "", err
	}
	l.tags[b.digest] = tag
	return tag, nil
}

// loadedConfig returns the config that the engine receives for a base, and its platform. The engine
// only has to hold the layers, and its own store refuses images without an operating system or for
// another one.
func loadedConfig(config []byte) ([]byte, *pb.Platform, error) {
	var stated ocispec.Platform
	if err := json.Unmarshal(config, &stated); err != nil {
		return nil, nil, fmt.Errorf("reading its config: %w", err)
	}
	p := platforms.Normalize(ocispec.Platform{OS: "linux", Architecture: cmp.Or(stated.Architecture, "amd64"), Variant: stated.Variant})
	if stated.OS != "linux" || stated.Architecture == "" {
		var fields map[string]any
		if err := json.Unmarshal(config, &fields); err != nil {
			return nil, nil, fmt.Errorf("reading its config: %w", err)
		}
		fields["os"], fields["architecture"] = p.OS, p.Architecture
		delete(fields, "os.version")
		var err error
		if config, err = json.Marshal(fields); err != nil {
			return nil, nil, err
		}
	}
	return config, &pb.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}, nil
}

// send streams b to the engine as a docker-archive.
func (l *loads) send(ctx context.Context, b *base, tag string) (err error) {
	task := progress.Start(ctx, l.prefix+"load "+b.name)
	defer func() { task.Done(err) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reader, writer := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := l.archive(ctx, io.MultiWriter(writer, task), b, tag)
		writer.CloseWithError(err)
		written <- err
	}()
	response, err := l.docker.ImageLoad(ctx, reader, docker.ImageLoadWithQuiet(true))
	if err == nil {
		err = loadResult(response.Body)
		err = errors.Join(err, response.Body.Close())
	}
	// The engine may have stopped reading before the end.
	reader.CloseWithError(errStopped)
	if wrote := <-written; wrote != nil && !errors.Is(wrote, errStopped) {
		// An error on our side is the cause of the engine's error.
		return wrote
	}
	return err
}

var errStopped = errors.New("the engine stopped reading")

// loadResult reads the engine's output while it loads, which includes errors.
func loadResult(r io.Reader) error {
	for d := json.NewDecoder(io.LimitReader(r, maxJSON)); ; {
		var message struct {
			Error string `json:"error"`
		}
		switch err := d.Decode(&message); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading the engine's answer: %w", err)
		case message.Error != "":
			return errors.New(message.Error)
		}
	}
}

// archive writes b as a docker-archive with the name tag.
func (l *loads) archive(ctx context.Context, w io.Writer, b *base, tag string) error {
	manifest, err := b.image.Manifest()
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	listed := dockerManifest{Config: "config.json", RepoTags: []string{tag}, Layers: []string{}}
	for i, d := range manifest.Layers {
		name := fmt.Sprintf("%d.tar", i)
		listed.Layers = append(listed.Layers, name)
		if err := l.archiveLayer(ctx, out, name, d); err != nil {
			return fmt.Errorf("reading its layer %s: %w", d.Digest, err)
		}
	}
	raw, err := json.Marshal([]dockerManifest{listed})
	if err != nil {
		return err
	}
	config, _, err := loadedConfig(b.config)
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

// archiveLayer writes one layer. Engines before 23.0 support gzip but not zstd; the uncompressed
// size must be known in advance.
func (l *loads) archiveLayer(ctx context.Context, out *tar.Writer, name string, d v1.Descriptor) error {
	found, err := l.bases.find(digestOf(d.Digest))
	if err != nil {
		return err
	}
	f, err := l.bases.open(ctx, found)
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
		size, err = l.bases.uncompressedSize(ctx, found)
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

// untag removes the names of a build from the engine, and the images without another name, even if
// the build was canceled.
func untag(ctx context.Context, client *docker.Client, tags ...string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	var errs []error
	for _, tag := range tags {
		_, err := client.ImageRemove(ctx, tag, dockerimage.RemoveOptions{PruneChildren: true})
		if err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("removing %s from Docker Engine: %w", tag, plain(err)))
		}
	}
	return errors.Join(errs...)
}

// names returns the names of bases in the engine.
func (l *loads) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, tag := range l.tags {
		all = append(all, tag)
	}
	return all
}
