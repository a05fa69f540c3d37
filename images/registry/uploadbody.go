package registry

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/slipway-build/slipway/images/registry/transport"
	"github.com/slipway-build/slipway/internal/httpretry"
	"github.com/slipway-build/slipway/progress"
)

// An uploadBody opens a blob's content anew for each attempt, and subtracts the bytes of failed
// attempts from the progress.
type uploadBody struct {
	task *progress.Task
	open func() (io.ReadCloser, error)
	once sync.Once

	mu       sync.Mutex
	prepared io.ReadCloser // opened but not yet sent
	last     *countedBody
	// wait is how long the next attempt waits for an early answer before it sends the first byte;
	// see broke.
	wait time.Duration
}

// hesitation is the value of wait after an attempt whose connection broke.
const hesitation = 500 * time.Millisecond

// broke records how an attempt failed. A registry may answer before it has read the body, with a
// redirect or a 401, and close the connection. The client then gets a write error and may lose the
// answer. Later attempts therefore wait for an early answer: with Expect: 100-continue (RFC 9110,
// section 10.1.1), and with a delay before the first byte, since not every server supports Expect.
// After status 417, broke drops both.
func (b *uploadBody) broke(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var answer *transport.AnswerError
	switch {
	case errors.As(err, &answer):
		if answer.Status == http.StatusExpectationFailed {
			b.wait = 0
		}
	case err != nil && httpretry.Broken(err):
		b.wait = hesitation
	}
}

// careful reports whether the next attempt waits for an early answer.
func (b *uploadBody) careful() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wait > 0
}

// prepare opens the content for the next attempt.
func (b *uploadBody) prepare() (err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.prepared == nil {
		b.prepared, err = b.open()
	}
	return err
}

// next returns the content from its first byte.
func (b *uploadBody) next() (io.ReadCloser, error) {
	if err := b.prepare(); err != nil {
		return nil, &transport.LocalError{Err: err}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last != nil {
		b.last.forget()
	}
	b.last = &countedBody{content: b.prepared, task: b.task, wait: b.wait}
	b.prepared = nil
	return b.last, nil
}

// Close closes content that was prepared but not sent.
func (b *uploadBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.prepared == nil {
		return nil
	}
	return b.prepared.Close()
}

// A countedBody counts the bytes read as progress. It marks read errors as local, so that they
// differ from network errors.
type countedBody struct {
	content io.ReadCloser
	task    *progress.Task
	wait    time.Duration // delay before the first byte

	mu        sync.Mutex
	counted   int
	forgotten bool
}

func (b *countedBody) Read(p []byte) (int, error) {
	time.Sleep(b.wait)
	b.wait = 0
	n, err := b.content.Read(p)
	b.mu.Lock()
	if !b.forgotten {
		b.counted += n
		b.task.Add(n)
	}
	b.mu.Unlock()
	if err != nil && !errors.Is(err, io.EOF) {
		err = &transport.LocalError{Err: err}
	}
	return n, err
}

func (b *countedBody) Close() error { return b.content.Close() }

func (b *countedBody) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forgotten = true
	b.task.Add(-b.counted)
}
