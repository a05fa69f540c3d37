// Package engine loads images into Docker Engine and Podman, which has Docker's API, as `docker load` does. Both read one
// stream, an archive of docker save, so that layers are unpacked one after another.
//
// Images that the engine has are not sent, and names are added to them. An Engine with its own image store also lacks
// nothing but the layers that are new to it; Podman and an Engine with containerd's store want all layers of an image
// that is new to them. The engine names an image once it has all of its layers.
package engine
