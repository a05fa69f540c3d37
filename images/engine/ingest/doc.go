// Package ingest converts the layers of an engine into ours: the same entries, without what depends on the engine or
// the current time, compressed in the project's format, in a store.
//
// An engine's layer is a tar, compressed or not, which the engine identifies by a digest or diff ID. An epoch is the
// timestamp of a build. Later times in a layer come from the build, and are replaced. A converted layer is the same for
// a span of epochs. The store records the span with it, so that the engine need not send the layer again.
package ingest
