// Package engine makes images of Dockerfiles with BuildKit: that of a buildkitd,
// or the one inside Docker Engine. It is for the Dockerfiles that images/assemble
// cannot make, since they have a RUN.
//
// # Who does what
//
// BuildKit's Dockerfile frontend runs in this process, so that what a Dockerfile
// means does not depend on the version of the engine. The engine gets the steps,
// reads contexts from us, runs, and hands back layers and a config.
//
// Bases are resolved here, by the exact platform with its os.version, through the
// same images.Source that the embedded assembler has; the engine resolves nothing
// and needs no network for them. A buildkitd, and a Docker Engine with
// containerd's image store, read the blobs that they need out of our store while
// they build. A Docker Engine with its own store is given each base under a
// temporary name, and a name of the same kind is where it puts the image until we
// have taken it. All of these names lie in slipway.invalid, a registry that
// cannot exist, and are removed when the build ends. A process that is killed
// leaves them behind; docker image ls slipway.invalid/* shows them.
//
// # The same result
//
// Layers stream into our store as they come. On the way they lose what depends on
// the engine and on the hour: times later than the epoch of the build, times of
// access, names of owners, the order of PAX records. So the same Dockerfile makes
// the same files and the same config with every builder, and the same layer bytes
// for every step that only copies, unless two builders order entries differently.
// What RUN writes is as reproducible as what it runs.
//
// # Engines
//
// A Builder connects for each build, so that an engine may be restarted between
// two. Builders for several engines may work at once, which is how the platforms
// of a release are spread over several machines.
package engine
