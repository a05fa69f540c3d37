//go:build !linux

package store

import (
	"io/fs"
	"time"
)

// identity is what else tells one state of a file from another; here nothing
// portable does.
func identity(fs.FileInfo) string { return "-" }

// lastChange is when the file changed last.
func lastChange(info fs.FileInfo) time.Time { return info.ModTime() }
