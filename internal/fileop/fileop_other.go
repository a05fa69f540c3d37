//go:build !windows

package fileop

import "os"

func isBlocked(error) bool { return false }

func isBusy(error) bool { return false }

func rename(from, to string) error { return os.Rename(from, to) }
