package registry

import (
	"context"
	"sync"

	"github.com/slipway-build/slipway/progress"
)

// A batch shows the layers of one image that are fetched concurrently as a single task. A nil batch
// shows nothing.
type batch struct {
	name string

	mu    sync.Mutex
	task  *progress.Task
	total int64
	under int
	err   error
}

// join adds a layer, and returns the task that counts its bytes.
func (b *batch) join(ctx context.Context) *progress.Task {
	if b == nil {
		return &progress.Task{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.under == 0 {
		b.task, b.total, b.err = progress.Start(ctx, b.name), 0, nil
	}
	b.under++
	return b.task
}

// grow adds n bytes to the expected total; n may be negative.
func (b *batch) grow(n int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total += n
	b.task.SetTotal(b.total)
}

// leave marks one layer finished, with err.
func (b *batch) leave(err error) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil && b.err == nil {
		b.err = err
	}
	b.under--
	if b.under == 0 {
		b.task.Done(b.err)
	}
}
