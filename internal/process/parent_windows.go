package process

import (
	"context"
	"os"
)

// awaitParent returns true when the parent has ended. It does not look at ctx: the
// goroutine that waits ends with the process.
func awaitParent(context.Context) bool {
	parent, err := os.FindProcess(os.Getppid())
	if err != nil {
		return false // it ended before, and may have been nobody's concern
	}
	_, err = parent.Wait()
	return err == nil
}
