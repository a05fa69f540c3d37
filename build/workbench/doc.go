// Package workbench implements the commands that need no project: image build, index, airgap pack and push, login,
// clean --cache.
//
// A Workbench has the parts that these commands and package release share: the content cache, the client of registries,
// and the builders. A job is the input of one command, such as an ImageJob. Package cli prints its result.
//
// A builder makes images from Dockerfiles: the embedded one, or one that calls an engine, which is Docker Engine or a
// buildkitd. A Preflight estimates the cost of packing before it begins.
//
// A push of archives has targets. A target is a tag in the registry and its images, one for each platform. An image is
// plain if its layers are uncompressed; a push compresses them.
package workbench
