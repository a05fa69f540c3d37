// Package release carries out a plan: it builds, packages, verifies and publishes a release, and cleans up.
//
// A Release is a configuration with its plan, and what a run has made of it. Its full plan is that of the whole
// configuration; Plan is narrowed to what the run is asked for. Each step makes what it needs, once: packaging makes the
// images, and images make the binaries. What an earlier run made from the same things is not made again.
//
// A Made is a file or image that a run has made, or has found as it would make it. The Report in dist/artifacts.json lists
// all of them. The inputs of a release are what decides its bytes: version, plan and variables. Publish and verify refuse
// a folder that was made from other inputs.
//
// A key names everything that decides the bytes of an artifact. A stamp records the key that an artifact was made with, and
// its digest, in the cache. If both still hold (Release.holds), the artifact is up to date.
//
// A publication is one run of publish. It makes nothing: it gathers what is in dist, checks it, asks each destination
// whether it would take it, and only then sends. A push is an image, an index or an OCI artifact with its destination.
package release
