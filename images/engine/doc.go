// Package engine builds images from Dockerfiles with BuildKit: a buildkitd, or the BuildKit inside Docker Engine. It
// supports the Dockerfiles that images/assemble does not, since they have a RUN.
//
// An engine is a buildkitd or a Docker Engine. A base is an image that a build starts from. A step is a vertex of
// BuildKit's graph.
//
// Package endpoint has the addresses of engines, docker exchanges images with a Docker Engine, session has the secrets,
// credentials and caches of a build, and ingest converts the engine's layers into ours.
//
// # Division of labor
//
// BuildKit's Dockerfile frontend runs in this process, so the meaning of a Dockerfile does not depend on the version of
// the engine. The engine receives the steps, reads contexts from us, runs the steps, and returns layers and a config.
//
// Bases are resolved here, by the exact platform with its os.version, through the same images.Source that the embedded
// assembler uses. The engine resolves nothing and needs no network for them. A buildkitd, and a Docker Engine with
// containerd's image store, read the blobs that they need from our store during the build. A Docker Engine with its own
// store receives each base under a temporary name, and stores the resulting image under another one until we have read
// it. All temporary names are in slipway.invalid, a registry that cannot exist, and are removed when the build ends. A
// killed process leaves them behind; docker image ls slipway.invalid/* lists them.
//
// # Identical results
//
// Layers stream into our store while the engine sends them. On the way, everything that depends on the engine or the
// current time is removed: times later than the epoch of the build, access times, names of owners, the order of PAX
// records. The same Dockerfile therefore produces the same files and the same config with every builder. It also
// produces the same layer bytes for every step that only copies, unless two builders order entries differently. The
// output of RUN is as reproducible as the programs that it runs.
//
// # Engines
//
// A Builder connects for each build, so an engine may be restarted between two builds. Builders for several engines may
// run at the same time, so that the platforms of a release can be built on several machines.
package engine
