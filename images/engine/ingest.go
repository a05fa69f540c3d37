package engine

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
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/sniff"
)

// An ingest converts the layers of an engine into ours: the same entries, normalized, compressed in
// the project's format, in our store.
type ingest struct {
	store       *store.Store
	compression images.Compression
	epoch       time.Time

	mu sync.Mutex
	// made are converted layers, by digest in the engine.
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

// errAbsent means that the store does not have a layer, so it must be sent.
var errAbsent = errors.New("the layer has to be sent")

// find returns the layer that was made from the engine's layer with that digest, in this build or
// an earlier one.
func (g *ingest) find(ctx context.Context, engines v1.Hash) (v1.Layer, bool) {
	g.mu.Lock()
	l, ok := g.made[engines]
	g.mu.Unlock()
	if ok {
		return l, true
	}
	raw, ok := g.store.Record(ctx, layerRecord, engines.String())
	var o outcome
	if !ok || json.Unmarshal(raw, &o) != nil || !o.Span.holds(g.epoch) {
		return nil, false
	}
	l, err := g.store.Layer(ctx, o.Key, g.compression, func(io.Writer) error { return errAbsent })
	if err != nil {
		return nil, false
	}
	g.remember(engines, l)
	return l, true
}

func (g *ingest) remember(engines v1.Hash, l v1.Layer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.made == nil {
		g.made = map[v1.Hash]v1.Layer{}
	}
	g.made[engines] = l
}

// add converts an engine's layer, which it reads from r. name identifies its content: its digest,
// or another name that no other content has. digest is called after r has been read, and returns
// the digest of its bytes; r must fail at its end if the content is wrong.
func (g *ingest) add(ctx context.Context, name string, r io.Reader, digest func() v1.Hash) (v1.Hash, error) {
	o := outcome{Key: fmt.Sprintf("%s %s %d", layerRules, name, g.epoch.Unix())}
	normalized := false
	l, err := g.store.Layer(ctx, o.Key, g.compression, func(w io.Writer) error {
		normalized = true
		var err error
		o.Span, err = g.write(ctx, w, r)
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
		if err := g.store.SetRecord(layerRecord, engines.String(), raw); err != nil {
			return v1.Hash{}, err
		}
	}
	g.remember(engines, l)
	return engines, nil
}

// write writes the normalized tar of the layer in r, and reads r to its end.
func (g *ingest) write(ctx context.Context, w io.Writer, r io.Reader) (span, error) {
	_, plain, err := sniff.Open(r)
	if err != nil {
		return span{}, fmt.Errorf("reading a layer of the engine: %w", err)
	}
	defer plain.Close()
	s, err := normalize(ctx, w, plain, g.epoch)
	if err != nil {
		return s, err
	}
	_, err = io.Copy(io.Discard, r)
	return s, err
}
