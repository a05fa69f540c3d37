// Package docker exchanges images with a Docker Engine. Package engine makes the Engine's BuildKit build them.
//
// A daemon image is an image in the Engine, by name or ID; Image copies it to a store. A base is an image that a build
// starts from. An Engine with its own image store cannot read bases from here, so Temporary sends them to it. A saved
// image is the result of such a build; Save reads it.
//
// Docker Engine can only export whole images, by docker save. What was read of an image is therefore kept in a store,
// with records of the layers, and is not read again.
//
// # Temporary names
//
// Bases and results have names in slipway.invalid, a registry that cannot exist, and lose them when the build ends. A
// killed process leaves them behind; docker image ls slipway.invalid/* lists them.
package docker
