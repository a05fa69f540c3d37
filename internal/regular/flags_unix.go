//go:build unix

package regular

import (
	"os"
	"syscall"
)

// O_NONBLOCK makes opening a pipe return at once, and means nothing to a regular file.
// O_NOCTTY keeps a terminal from becoming ours.
const flags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY
