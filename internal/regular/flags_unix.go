//go:build unix

package regular

import (
	"os"
	"syscall"
)

// O_NONBLOCK lets the opening of a pipe return immediately, and has no effect on a regular file.
// O_NOCTTY keeps a terminal from becoming our controlling terminal.
const flags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY
