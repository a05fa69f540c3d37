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

// An ingest turns layers as engines write them into layers as we write them: the
// same entries, normalized, and compressed as the project says, in our store.
type ingest struct {
	store       *store.Store
	compression images.Compression
	epoch       time.Time

	mu sync.Mutex
	// made are layers by the digest that the engine knows them by.
	made map[v1.Hash]v1.Layer
}

// The kind of the records that say what became of an engine's layer, and the
// version of the rules by which it did.
const (
	layerRecord = "engine-layer"
	layerRules  = "engine layer 1"
)

// An outcome is what is remembered of an engine's layer.
type outcome struct {
	// Span says for which epochs Key holds.
	Span span
	// Key is under what the store remembers the layer.
	Key string
}

// errAbsent says that a layer is not in the store and has to be sent.
var errAbsent = errors.New("the layer has to be sent")

// find returns what was made, now or in an earlier build, of the engine's layer
// of that digest.
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

// add makes a layer of ours from an engine's, whose bytes r yields. name says
// which layer it is: its digest, or another name that no other content has.
// digest is called when r has been read, and returns the digest of its bytes; r
// must fail at its end if they are not the right ones.
func (g *ingest) add(ctx context.Context, name string, r io.Reader, digest func() v1.Hash) (v1.Hash, error) {
	o := outcome{Key: fmt.Sprintf("%s %s %d", layerRules, name, g.epoch.Unix())}
	normalized := false
	l, err := g.store.Layer(ctx, o.Key, g.compression, func(w io.Writer) error {
		normalized = true
		var err error
		o.Span, err = g.write(ctx, w, r)
		return err
	})
	// Whatever happened, r is read to its end: its writer waits.
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
