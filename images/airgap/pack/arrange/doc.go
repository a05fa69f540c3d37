// Package arrange decides which layers share a frame of an archive, and in which order. Layers that
// have bytes in common compress better together.
//
// # Nouns
//
//   - A run is a sequence of layers that becomes a frame.
//   - A sketch is a sample of a layer: marks at places that depend on its content alone.
//   - A group is a sequence of layers that may become a run. Groups are joined while that saves
//     enough bytes. The relatives of a group are the groups that it is compared with.
package arrange
