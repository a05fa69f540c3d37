// Package docker exchanges images with a Docker Engine. It knows nothing of builds: package engine has the Engine's
// BuildKit do those.
//
// A daemon image is one that the Engine has, by name or ID; Image copies it to a store. A base is an image that a build
// starts from; Temporary gives it to the Engine, which cannot read it from here if it has an image store of its own.
// A saved image is the result of such a build, which Save reads.
//
// Docker Engine can only export whole images, by docker save. What was read of them is therefore kept in a store, with
// records of which layer was which, and read from the Engine only once.
//
// # Temporary names
//
// Bases and results have names in slipway.invalid, a registry that cannot exist, and lose them when the build ends. A
// killed process leaves them behind; docker image ls slipway.invalid/* lists them.
package docker
