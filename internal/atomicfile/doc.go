// Package atomicfile writes files that appear under their final paths complete, or not at all.
//
// A temporary file is in the folder of its final path, under a name that begins with a dot, which
// Kubernetes nodes do not read. If a process is killed, its temporary file remains, and is removed
// when the file is written again; see fileop.SweepTemporary.
//
// moby/sys/atomicwriter, which is in the module graph, does not let several goroutines write one file
// at different offsets. It also does not retry a rename that another process blocks on Windows.
package atomicfile
