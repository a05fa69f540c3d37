package doctor

import (
	"context"
	"fmt"

	"github.com/slipway-build/slipway/progress"
)

// memory compares the available memory with what Slipway itself needs. Compilers and engines need more.
func (x *examination) memory(context.Context) error {
	available, ok := availableMemory()
	if ok && len(x.Plan.Archives) > 0 && available < x.options.Memory {
		x.find(Warning, "", fmt.Sprintf("writing archives takes about %s of memory with %d jobs, and %s are available",
			progress.FormatBytes(x.options.Memory), x.options.Jobs, progress.FormatBytes(available)),
			"use fewer jobs (--jobs, environment JOBS), or more memory")
	}
	return nil
}
