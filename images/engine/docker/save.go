package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/engine/endpoint"
	"github.com/slipway-build/slipway/progress"
)

// Records keep what was read of an image. *store.Store implements it.
type Records interface {
	Record(ctx context.Context, kind, key string) ([]byte, bool)
	SetRecord(kind, key string, value []byte) error
}

// Layers receives the layers of a saved image.
type Layers interface {
	// HasLayer reports whether the layer with that diff ID need not be read.
	HasLayer(ctx context.Context, diffID v1.Hash) (bool, error)
	// AddLayer reads the tar of a layer to its end. name identifies its content: its digest, or another name that no
	// other content has. digest returns the digest of the tar afterwards.
	AddLayer(ctx context.Context, name string, tar io.Reader, digest func() v1.Hash) (v1.Hash, error)
}

// Save reads the image tag from the Engine. It returns the config, and the diff IDs of the layers, base first; layers
// has their content. An image without layers has no config here, because Docker's own store cannot export it ("empty
// export"). title is the name of the task that shows the progress.
func (c *Client) Save(ctx context.Context, tag, title string, records Records, layers Layers) (config []byte, diffIDs []v1.Hash, err error) {
	inspected, err := c.api.ImageInspect(ctx, tag)
	if err != nil {
		return nil, nil, fmt.Errorf("looking at the image in Docker Engine: %w", endpoint.Plain(err))
	}
	id, err := v1.NewHash(inspected.ID)
	if err != nil {
		return nil, nil, fmt.Errorf("the engine reports an invalid image ID %q: %w", inspected.ID, err)
	}
	if len(inspected.RootFS.Layers) == 0 {
		return nil, nil, nil
	}
	s := &savedImage{client: c, records: records, added: layers, id: id}
	for _, layer := range inspected.RootFS.Layers {
		h, err := v1.NewHash(layer)
		if err != nil {
			return nil, nil, fmt.Errorf("the engine reports an invalid layer digest %q: %w", layer, err)
		}
		s.layers = append(s.layers, h)
	}
	if err := s.fetch(ctx, tag, title); err != nil {
		return nil, nil, fmt.Errorf("exporting the image from Docker Engine: %w", endpoint.Plain(err))
	}
	return s.config, s.layers, nil
}

// A savedImage is an image in Docker Engine's store, with the content that was fetched so far.
type savedImage struct {
	client  *Client
	records Records
	added   Layers
	// id is the digest of the config; layers are the diff IDs.
	id     v1.Hash
	layers []v1.Hash
	config []byte
}

// maxJSON limits the size of a config and of an answer of the Engine, which are held in memory, in bytes.
const maxJSON = 8 << 20

// Kinds of the store's records of a docker save: configs by digest, and the diff ID of the layer in a folder. The name
// of a folder is a digest of its content and of the layers below.
const (
	configRecord = "engine-config"
	folderRecord = "engine-folder"
)

// Names of files in a docker save. Engine 25.0 and newer write an OCI layout; older ones write a folder for each layer.
var (
	blobName   = regexp.MustCompile(`^blobs/sha256/([0-9a-f]{64})$`)
	configName = regexp.MustCompile(`^([0-9a-f]{64})\.json$`)
	folderName = regexp.MustCompile(`^([0-9a-f]{64})/layer\.tar$`)
)

// eachSaved calls do for each file of a docker save, except links: layers with the same content are links to the first.
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

// fetch gets the config and all layers that the store does not have. If nothing is missing, it reads nothing; otherwise
// it reads the whole image, because Docker Engine can only export whole images.
func (s *savedImage) fetch(ctx context.Context, tag, title string) (err error) {
	if raw, ok := s.records.Record(ctx, configRecord, s.id.String()); ok {
		s.config = raw
	}
	complete, err := s.complete(ctx)
	if err != nil || complete {
		return err
	}
	task := progress.Start(ctx, title)
	defer func() { task.Done(err) }()
	stream, err := s.client.api.ImageSave(ctx, []string{tag})
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

// complete reports whether the store has the config and all layers.
func (s *savedImage) complete(ctx context.Context) (bool, error) {
	if s.config == nil {
		return false, nil
	}
	for _, h := range s.layers {
		if has, err := s.added.HasLayer(ctx, h); err != nil || !has {
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
		if has, err := s.added.HasLayer(ctx, layer); err != nil || has {
			return err
		}
		_, err := s.add(ctx, layer.String(), r)
		return err
	}
	return nil
}

func (s *savedImage) takeConfig(r io.Reader) error {
	raw, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	if err != nil {
		return err
	}
	if len(raw) > maxJSON {
		return fmt.Errorf("not a manifest or config: more than %d bytes", maxJSON)
	}
	got, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	if got != s.id {
		return fmt.Errorf("the engine sent a config with digest %s instead of %s", got, s.id)
	}
	s.config = raw
	return s.records.SetRecord(configRecord, s.id.String(), s.config)
}

// takeFolder adds the layer in a folder. Its diff ID is known only after it has been read.
func (s *savedImage) takeFolder(ctx context.Context, folder string, r io.Reader) error {
	if raw, ok := s.records.Record(ctx, folderRecord, folder); ok {
		if h, err := v1.NewHash(string(raw)); err == nil {
			if has, err := s.added.HasLayer(ctx, h); err != nil || has {
				return err
			}
		}
	}
	diffID, err := s.add(ctx, "folder "+folder, r)
	if err != nil {
		return err
	}
	return s.records.SetRecord(folderRecord, folder, []byte(diffID.String()))
}

// add converts the layer in r to one of ours.
func (s *savedImage) add(ctx context.Context, name string, r io.Reader) (v1.Hash, error) {
	sum := sha256.New()
	return s.added.AddLayer(ctx, name, io.TeeReader(r, sum), func() v1.Hash {
		return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}
	})
}
