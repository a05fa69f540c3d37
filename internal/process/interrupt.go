package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// An Interruption is a signal that asked this process to end.
type Interruption struct{ Signal syscall.Signal }

func (i *Interruption) Error() string {
	name := map[syscall.Signal]string{syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP"}[i.Signal]
	return "interrupted by " + name + "; what was finished is kept, nothing is left half-written"
}

// ExitStatus is the status that a shell reports for a program that was ended by the signal. Mage
// calls this method.
func (i *Interruption) ExitStatus() int { return 128 + int(i.Signal) }

// Is makes an Interruption match context.Canceled.
func (i *Interruption) Is(target error) bool { return target == context.Canceled }

// Interruptible returns a context that SIGINT, SIGTERM and SIGHUP cancel, with an *Interruption as
// its cause. A signal that this process was started to ignore, as by nohup, stays ignored. A second
// signal has the system's default effect, and the process is ended if it takes more than 5 s to
// stop. stop restores the default behavior.
func Interruptible(parent context.Context) (ctx context.Context, stop func()) {
	_ = ownChildren() // Run reports the same error
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	done := make(chan struct{})
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			why := &Interruption{s.(syscall.Signal)}
			cancel(why)
			select {
			case <-done:
			case <-time.After(5 * time.Second):
				fmt.Fprintf(os.Stderr, "%v; gave up waiting for the rest to stop\n", why)
				os.Exit(why.ExitStatus())
			}
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// Interrupted returns the interruption of ctx, or nil. A cancellation without a cause comes from
// mage, which cancels its context on SIGINT.
func Interrupted(ctx context.Context) *Interruption {
	var why *Interruption
	switch cause := context.Cause(ctx); {
	case errors.As(cause, &why):
		return why
	case cause == context.Canceled:
		return &Interruption{syscall.SIGINT}
	}
	return nil
}
