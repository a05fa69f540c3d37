// Package release carries out a plan: it builds, packages, verifies and publishes a release, and cleans up.
//
// A Release is a configuration with its plan, and the results of a run. Its full plan is that of the whole
// configuration; Plan is narrowed to the requested parts. Each step makes what it needs, once: packaging makes the
// images, and images make the binaries. Results of an earlier run with the same inputs are not made again.
//
// A Made is a file or image that a run has made, or has found up to date. The Report in dist/artifacts.json lists all
// of them. The inputs of a release determine its bytes: version, plan and variables. Publish and verify refuse a folder
// that was made from other inputs.
//
// A key contains everything that determines the bytes of an artifact. A stamp in the cache records the key and the
// digest of an artifact. If both still match (Release.holds), the artifact is up to date.
//
// A publication is one run of publish. It makes nothing: it gathers the content of dist, checks it, checks that each
// destination would accept it, and only then sends it. A push is an image, an index or an OCI artifact with its
// destination.
package release
