// Package version has the variables of k3s's package of this name that RKE2 links.
package version

// The linker sets these.
var (
	Program   string
	Version   string
	GitCommit string
)
