// Package workbench has the commands that need no project: image build, index, airgap pack and push, login, clean --cache.
//
// A Workbench has what these commands and package release share: the content cache, the client of registries, and
// the builders. A job is the input of one command, such as an ImageJob. Package cli prints its result.
//
// A builder makes images of Dockerfiles: the embedded one, or one that calls an engine, which is Docker Engine or a
// buildkitd. A Preflight estimates what packing costs before it begins.
//
// A push of archives has targets. A target is a tag in the registry and the images that it gets, one for each platform.
// An image is plain if its layers are uncompressed; a push compresses them.
package workbench
