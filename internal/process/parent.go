package process

import (
	"context"
	"syscall"
)

// WithParent returns a context that ends, as if by SIGTERM, when the parent process ends. Mage
// forwards only SIGINT to the program that it compiles, and would leave it running.
func WithParent(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	go func() {
		if awaitParent(ctx) {
			cancel(&Interruption{syscall.SIGTERM})
		}
	}()
	return ctx, func() { cancel(nil) }
}
