//go:build unix

package load

// fullVersion returns the version of the operating system, which other systems than Windows do not have.
func fullVersion(version string) string { return version }
