// Package atomicfile writes files that appear under their names complete, or not at all.
//
// Until then a file is beside its final path under a name that begins with a dot, which
// Kubernetes nodes do not read. What a killed process left there is removed when the file
// is written again, see fileop.SweepTemporary.
//
// moby/sys/atomicwriter, which is in the module graph, serves neither of two needs: several
// goroutines write one file at offsets of their own, and a rename that another process
// blocks on Windows is tried again.
package atomicfile
