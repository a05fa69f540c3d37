package process

import (
	"context"
	"os"
)

// awaitParent returns true when the parent has ended. It ignores ctx; the waiting goroutine ends
// with the process.
func awaitParent(context.Context) bool {
	parent, err := os.FindProcess(os.Getppid())
	if err != nil {
		return false // the parent had ended already, and may not have been waiting for us
	}
	_, err = parent.Wait()
	return err == nil
}
