package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"

	buildkit "github.com/moby/buildkit/client"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/progress"
)

// exporterMoby is Docker Engine's name of the exporter to its own store.
const exporterMoby = "moby"

// buildInDocker has the engine store the image under a name that is unique to this build, and
// fetches the layers that we do not have.
func (j *job) buildInDocker(ctx context.Context, options buildkit.SolveOpt, solve func(buildkit.SolveOpt) (map[string]string, error)) (v1.Image, error) {
	j.loads = &loads{docker: j.conn.docker, bases: j.bases, prefix: j.watch.prefix}
	tag := temporaryTag("build")
	defer func() {
		// A name that remains in the engine does not affect the image.
		if err := untag(ctx, j.conn.docker, append(j.loads.names(), tag)...); err != nil {
			j.task.Warn(err.Error())
		}
	}()
	options.Exports = []buildkit.ExportEntry{{Type: exporterMoby, Attrs: map[string]string{"name": tag}}}
	if _, err := solve(options); err != nil {
		return nil, err
	}
	inspected, err := j.conn.docker.ImageInspect(ctx, tag)
	if err != nil {
		return nil, fmt.Errorf("looking at the image in Docker Engine: %w", plain(err))
	}
	id, err := v1.NewHash(inspected.ID)
	if err != nil {
		return nil, fmt.Errorf("the engine reports an invalid image ID %q: %w", inspected.ID, err)
	}
	if len(inspected.RootFS.Layers) == 0 {
		// Docker's own store cannot export an image without layers ("empty export").
		config, err := json.Marshal(j.exportConfig(j.converted.Image))
		if err != nil {
			return nil, err
		}
		return j.image(config, nil)
	}
	saved := &savedImage{job: j, id: id}
	for _, layer := range inspected.RootFS.Layers {
		h, err := v1.NewHash(layer)
		if err != nil {
			return nil, fmt.Errorf("the engine reports an invalid layer digest %q: %w", layer, err)
		}
		saved.layers = append(saved.layers, h)
	}
	if err := saved.fetch(ctx, tag); err != nil {
		return nil, fmt.Errorf("exporting the image from Docker Engine: %w", plain(err))
	}
	return j.image(saved.config, saved.layers)
}

// A savedImage is an image in Docker Engine's store, and what was fetched of it.
type savedImage struct {
	job *job
	// id is the digest of the config, layers are the diff IDs.
	id     v1.Hash
	layers []v1.Hash
	config []byte
}

// Kinds of the store's records of a docker save: configs by digest, and the diff ID of the layer in
// a folder. The name of a folder is a digest of its content and of the layers below.
const (
	configRecord = "engine-config"
	folderRecord = "engine-folder"
)

// In a docker save of Engine 25.0 and newer, files are in an OCI layout; before, each layer has a
// folder.
var (
	blobName   = regexp.MustCompile(`^blobs/sha256/([0-9a-f]{64})$`)
	configName = regexp.MustCompile(`^([0-9a-f]{64})\.json$`)
	folderName = regexp.MustCompile(`^([0-9a-f]{64})/layer\.tar$`)
)

// eachSaved calls do for each file of a docker save. Layers with the same content are links to the first
// one, and left out.
func eachSaved(r io.Reader, do func(h *tar.Header, body io.Reader) error) error {
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := do(h, in); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// fetch gets the config and all layers that the store does not have. Docker Engine can only export
// whole images; if nothing is missing, nothing is read.
func (s *savedImage) fetch(ctx context.Context, tag string) (err error) {
	if raw, ok := s.job.options.Store.Record(ctx, configRecord, s.id.String()); ok {
		s.config = raw
	}
	complete, err := s.complete(ctx)
	if err != nil || complete {
		return err
	}
	task := progress.Start(ctx, s.job.watch.prefix+"save image")
	defer func() { task.Done(err) }()
	stream, err := s.job.conn.docker.ImageSave(ctx, []string{tag})
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := eachSaved(task.Reader(stream), func(h *tar.Header, body io.Reader) error { return s.entry(ctx, h, body) }); err != nil {
		return err
	}
	if s.config == nil {
		return fmt.Errorf("the engine did not send the config %s", s.id)
	}
	return nil
}

// complete reports whether the store has everything of the image.
func (s *savedImage) complete(ctx context.Context) (bool, error) {
	if s.config == nil {
		return false, nil
	}
	for _, h := range s.layers {
		if has, err := s.job.hasLayer(ctx, h); err != nil || !has {
			return false, err
		}
	}
	return true, nil
}

// entry processes one file of a docker save.
func (s *savedImage) entry(ctx context.Context, h *tar.Header, r io.Reader) error {
	if m := configName.FindStringSubmatch(h.Name); m != nil && m[1] == s.id.Hex {
		return s.takeConfig(r)
	}
	if m := folderName.FindStringSubmatch(h.Name); m != nil {
		return s.takeFolder(ctx, m[1], r)
	}
	m := blobName.FindStringSubmatch(h.Name)
	if m == nil {
		return nil
	}
	blob := v1.Hash{Algorithm: "sha256", Hex: m[1]}
	if blob == s.id {
		return s.takeConfig(r)
	}
	for _, layer := range s.layers {
		if layer != blob {
			continue
		}
		if has, err := s.job.hasLayer(ctx, layer); err != nil || has {
			return err
		}
		_, err := s.add(ctx, layer.String(), r)
		return err
	}
	return nil
}

func (s *savedImage) takeConfig(r io.Reader) error {
	b := &limitedBuffer{}
	if _, err := io.Copy(b, r); err != nil {
		return err
	}
	got, _, err := v1.SHA256(bytes.NewReader(b.Bytes()))
	if err != nil {
		return err
	}
	if got != s.id {
		return fmt.Errorf("the engine sent a config with digest %s instead of %s", got, s.id)
	}
	s.config = b.Bytes()
	return s.job.options.Store.SetRecord(configRecord, s.id.String(), s.config)
}

// takeFolder adds the layer in a folder, whose diff ID is known only after it has been read.
func (s *savedImage) takeFolder(ctx context.Context, folder string, r io.Reader) error {
	if raw, ok := s.job.options.Store.Record(ctx, folderRecord, folder); ok {
		if h, err := v1.NewHash(string(raw)); err == nil {
			if has, err := s.job.hasLayer(ctx, h); err != nil || has {
				return err
			}
		}
	}
	diffID, err := s.add(ctx, "folder "+folder, r)
	if err != nil {
		return err
	}
	return s.job.options.Store.SetRecord(folderRecord, folder, []byte(diffID.String()))
}

// add converts the layer in r to one of ours.
func (s *savedImage) add(ctx context.Context, name string, r io.Reader) (v1.Hash, error) {
	sum := sha256.New()
	return s.job.ingest.add(ctx, name, io.TeeReader(r, sum), func() v1.Hash {
		return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}
	})
}

// hasLayer reports whether we have the engine's layer: it belongs to a base, or it was converted
// before.
func (j *job) hasLayer(ctx context.Context, engines v1.Hash) (bool, error) {
	if l, err := j.bases.layer(engines); err != nil || l != nil {
		return l != nil, err
	}
	_, ok := j.ingest.find(ctx, engines)
	return ok, nil
}
