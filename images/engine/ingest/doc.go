// Package ingest converts the layers of an engine into ours: the same entries, without what depends on the engine or
// the current time, compressed in the project's format, in a store.
//
// An engine's layer is a tar, compressed or not, with the digest or diff ID that the engine knows it by. An epoch is the
// timestamp of a build: later times in a layer are of the build, and replaced. A converted layer is the same for a span
// of epochs, which the store records with it, so that the engine need not send the layer again.
package ingest
