package doctor

import (
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/regular"
)

// availableMemory returns the memory that this process can use, in bytes: what the machine has available, or the limit
// of its control group, as of a container.
func availableMemory() (available int64, ok bool) {
	info, err := regular.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(info)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemAvailable:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			available, ok = kib<<10, err == nil
		}
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		raw, err := regular.ReadFile(file)
		if err != nil {
			continue
		}
		// A group without a limit has the text "max" instead of a number.
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64); err == nil {
			available = min(available, limit)
		}
	}
	return available, ok
}
