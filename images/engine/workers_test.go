package engine_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/progress"
)

// onLine returns a context whose tasks call do when one of them prints want for the first time.
func onLine(ctx context.Context, want string, do func()) context.Context {
	return progress.With(ctx, &lineWatch{want: want, do: sync.OnceFunc(do)})
}

type lineWatch struct {
	want string
	do   func()
}

func (l *lineWatch) Started(*progress.Task) {}
func (l *lineWatch) Line(_ *progress.Task, line string) {
	if strings.Contains(line, l.want) {
		go l.do()
	}
}
func (l *lineWatch) Finished(*progress.Task, error) {}
func (l *lineWatch) Warning(string)                 {}

// within fails the test if run takes longer than limit.
func within(t *testing.T, limit time.Duration, run func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		run()
	}()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("still running after %v", limit)
	}
}
