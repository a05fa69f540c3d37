//go:build unix

package process

import (
	"context"
	"os"
	"time"
)

// awaitParent returns true when the parent has ended, and false when ctx is done. It polls the
// parent's process ID, which changes when the parent ends, since no signal for this exists on every
// Unix.
func awaitParent(ctx context.Context) bool {
	parent := os.Getppid()
	ticks := time.NewTicker(200 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-ticks.C:
			if os.Getppid() != parent {
				return true
			}
		}
	}
}
