// Package compile turns one main package and one platform into one binary. It is
// the only room that runs the go command.
//
// # What decides the bytes
//
// A binary is decided by its module's files, the modules that go.mod and go.sum
// pin, the Go release, and what its Target says; by nothing else. So go runs with
// an environment put together here (see environ.go): where things lie and how
// they are fetched is taken from the caller, what would change the code (GOFLAGS,
// GOEXPERIMENT, GOAMD64, CC, a personal `go env -w`) only from the target. Paths
// of the machine are kept out by -trimpath, the state of the checkout by
// -buildvcs=false: a version is linked in by -X, not read from git.
//
// # Doing nothing, and being sure of it
//
// `go build` with nothing to do still costs about half a second for each
// invocation, because it reads every file and links in its head. Slipway asks the
// file system instead: a stamp remembers, for each output, what it was made from
// (size, times and inode of every file of the module, of its replacements and of
// its workspace; the Go release; the target) and what it was. Where the stamp
// holds, go is not run. Where there is any doubt (CGO, whose headers and
// libraries lie anywhere; GOFLAGS; a devel Go; a file system with coarse times) it
// is run, and is itself incremental.
//
// # Running it well
//
// Targets that differ only by their package share one `go build`, which links
// them from one load of the module. Builds for the same system and architecture
// run one after the other, since side by side they would compile the same
// packages twice; others run side by side, within the limit that buildsAtOnce
// explains.
//
// # What leaves this room is checked
//
// Each binary is written beside its final place, and is looked at before it takes
// that place: the object format and machine of its platform, and what the target
// asserts of it.
package compile
