// Package runtimes loads archives into the container runtime of a node, for the command airgap load. It finds the
// runtime by its socket, waits for it, and hands it the images that the plan of package images/airgap/load has.
package runtimes
