// Package compile builds the binary of one main package for one platform. It is the only package
// that runs the go command.
//
// A target is a binary to build. A job is a target with everything that was determined about it. A
// batch is a list of jobs for one go build, and a lane is a list of batches that run one after
// another. A stamp records an output and its inputs.
//
// # What determines the bytes
//
// A binary depends only on its module's files, the modules that go.mod and go.sum pin, the Go
// release, and its Target. Therefore go runs in an environment composed here (see environ.go). The
// location of files and the way to fetch them come from the caller. Everything that would change
// the code (GOFLAGS, GOEXPERIMENT, GOAMD64, CC, a personal `go env -w`) comes only from the target.
// -trimpath excludes local paths, and -buildvcs=false the state of the checkout: a version is set
// by -X, not read from git.
//
// # Skipping up-to-date binaries
//
// `go build` takes about half a second even if there is nothing to do, because it reads every file
// and prepares the link. Slipway uses the metadata of files instead. For each output, a stamp
// records its inputs (size, times and inode of every file of the module, of its replacements and of
// its workspace; the Go release; the target) and the output itself. If the stamp is valid, go is
// not run. In case of doubt (CGO, whose headers and libraries may be anywhere; GOFLAGS; flags such
// as -overlay; a development version of Go; a file system with coarse times), go is run; it is
// incremental itself.
//
// # Parallelism
//
// Targets that differ only in their package share one `go build`, which loads the module once.
// Builds for the same system and architecture run one after another, since in parallel they would
// compile the same packages twice. Others run in parallel, within the limit that is explained at
// buildsAtOnce.
//
// # Every output is checked
//
// Each binary is written beside its final path, and checked before it is moved there: the object
// format and machine of its platform, and the target's assertions.
package compile
