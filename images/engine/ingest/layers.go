package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/sniff"
)

// A Store keeps converted layers, and records of what they were made from. *store.Store implements it.
type Store interface {
	// Layer is the method of images.LayerStore.
	Layer(ctx context.Context, key string, compression images.Compression, write func(io.Writer) error) (v1.Layer, error)
	Record(ctx context.Context, kind, key string) ([]byte, bool)
	SetRecord(kind, key string, value []byte) error
}

// Layers converts the layers of one build. Several goroutines may use its methods.
type Layers struct {
	Store       Store
	Compression images.Compression
	// Epoch is the timestamp of the build, in whole seconds. It must be set before a method is called.
	Epoch time.Time

	mu sync.Mutex
	// made has the converted layers, by digest in the engine.
	made map[v1.Hash]v1.Layer
}

// Kind of the store's records of converted layers, and version of the conversion rules.
const (
	layerRecord = "engine-layer"
	layerRules  = "engine layer 1"
)

// An outcome is the record of a converted layer.
type outcome struct {
	// Span contains the epochs for which Key is valid.
	Span span
	// Key is the store's key of the layer.
	Key string
}

// errAbsent means that the store does not have a layer, so that it must be sent.
var errAbsent = errors.New("the layer has to be sent")

// Find returns the layer that was made from the engine's layer with that digest, in this build or an earlier one.
func (c *Layers) Find(ctx context.Context, engines v1.Hash) (v1.Layer, bool) {
	if l, ok := c.Made(engines); ok {
		return l, true
	}
	raw, ok := c.Store.Record(ctx, layerRecord, engines.String())
	var o outcome
	if !ok || json.Unmarshal(raw, &o) != nil || !o.Span.holds(c.Epoch) {
		return nil, false
	}
	l, err := c.Store.Layer(ctx, o.Key, c.Compression, func(io.Writer) error { return errAbsent })
	if err != nil {
		return nil, false
	}
	c.remember(engines, l)
	return l, true
}

// Made returns the layer that Find or Add made in this build from the engine's layer with that digest.
func (c *Layers) Made(engines v1.Hash) (v1.Layer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.made[engines]
	return l, ok
}

func (c *Layers) remember(engines v1.Hash, l v1.Layer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil {
		c.made = map[v1.Hash]v1.Layer{}
	}
	c.made[engines] = l
}

// Add converts an engine's layer, which it reads from r, and returns the digest of the engine's layer. name identifies
// its content: its digest, or another name that no other content has. digest is called after r has been read, and
// returns the digest of its bytes. r must fail at its end if the content is wrong.
func (c *Layers) Add(ctx context.Context, name string, r io.Reader, digest func() v1.Hash) (v1.Hash, error) {
	o := outcome{Key: fmt.Sprintf("%s %s %d", layerRules, name, c.Epoch.Unix())}
	normalized := false
	l, err := c.Store.Layer(ctx, o.Key, c.Compression, func(w io.Writer) error {
		normalized = true
		var err error
		o.Span, err = c.write(ctx, w, r)
		return err
	})
	// Always read r to its end: its writer waits for that.
	if _, drained := io.Copy(io.Discard, r); err == nil {
		err = drained
	}
	if err != nil {
		return v1.Hash{}, err
	}
	engines := digest()
	if normalized {
		raw, err := json.Marshal(o)
		if err != nil {
			return v1.Hash{}, err
		}
		if err := c.Store.SetRecord(layerRecord, engines.String(), raw); err != nil {
			return v1.Hash{}, err
		}
	}
	c.remember(engines, l)
	return engines, nil
}

// write writes the normalized tar of the layer in r, and reads r to its end.
func (c *Layers) write(ctx context.Context, w io.Writer, r io.Reader) (span, error) {
	_, plain, err := sniff.Open(r)
	if err != nil {
		return span{}, fmt.Errorf("reading a layer of the engine: %w", err)
	}
	defer plain.Close()
	s, err := normalize(ctx, w, plain, c.Epoch)
	if err != nil {
		return s, err
	}
	_, err = io.Copy(io.Discard, r)
	return s, err
}
