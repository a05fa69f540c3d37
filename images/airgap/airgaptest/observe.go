package airgaptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/progress"
)

// Warnings is a sink that keeps warnings.
type Warnings struct {
	mu   sync.Mutex
	Said []string
}

// Started does nothing (progress.Sink).
func (*Warnings) Started(*progress.Task) {}

// Line does nothing (progress.Sink).
func (*Warnings) Line(*progress.Task, string) {}

// Finished does nothing (progress.Sink).
func (*Warnings) Finished(*progress.Task, error) {}

// Warning keeps a message (progress.Sink).
func (w *Warnings) Warning(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Said = append(w.Said, message)
}

// ReadWhole reads all blobs of an image, which the client compares with their digests, and compares
// the content of layers with the config.
func ReadWhole(img v1.Image) error {
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for i, l := range layers {
		r, err := l.Compressed()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r)
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
		if r, err = l.Uncompressed(); err != nil {
			return err
		}
		digest, _, err := v1.SHA256(r)
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
		if digest != config.RootFS.DiffIDs[i] {
			return fmt.Errorf("layer %d has the diff ID %s instead of %s", i, digest, config.RootFS.DiffIDs[i])
		}
	}
	return nil
}

// FilesIn returns the names of the files in dir.
func FilesIn(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A Countdown is a context that ends after a number of calls of Err, so that a test can interrupt
// work at each of its steps, whatever the machine's speed.
type Countdown struct {
	context.Context
	left atomic.Int64
}

// NewCountdown returns a context that ends after asked calls of Err.
func NewCountdown(ctx context.Context, asked int64) *Countdown {
	c := &Countdown{Context: ctx}
	c.left.Store(asked)
	return c
}

// Err counts down (context.Context).
func (c *Countdown) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return c.Context.Err()
}
