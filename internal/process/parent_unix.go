//go:build unix

package process

import (
	"context"
	"os"
	"time"
)

// awaitParent returns true when the parent has ended, false when ctx is done. It polls, since no
// signal for this works on every Unix; an orphan gets another parent.
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
