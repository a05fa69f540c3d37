//go:build !linux

package files

import (
	"io/fs"
	"time"
)

// identity returns what else distinguishes states of a file; here, nothing portable does.
func identity(fs.FileInfo) string { return "-" }

// lastChange returns when the file last changed.
func lastChange(info fs.FileInfo) time.Time { return info.ModTime() }
