//go:build !linux && !windows

package doctor

// availableMemory reports that the available memory is unknown.
func availableMemory() (int64, bool) { return 0, false }
