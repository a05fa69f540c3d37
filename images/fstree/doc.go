// Package fstree has the file trees that a Dockerfile works with: the root file systems of images
// and stages, and the folders that COPY reads. It keeps the fields of a tar header for each file,
// and the location of its content; it does not read the content.
//
// # Nouns
//
//   - A Node is a file, folder, link or device. Trees share Nodes.
//   - A Tree is a root file system that changes. A Change is an entry of the layer
//     that records what has changed in it.
//   - A Place is the result of following a path, with its symlinks, below a root. The
//     path need not exist.
//   - Content is the location of the bytes of a file: on disk, in an archive, or in
//     memory.
//   - An Archive is a tar, such as a layer; a Header describes one entry of it, and a
//     Member is a file in it. The index of an archive is the encoding of its Headers.
//   - A Stack is the file system of an image: layers, laid over one another, with the
//     entries removed that whiteouts hide.
//   - A Copier copies from one file system into a Tree, as COPY does.
//
// # Rules for layers
//
// Container runtimes unpack each layer into a folder of its own, and overlayfs lays those over one
// another (containerd, core/diff/apply; moby, daemon/graphdriver/overlay2). Stack does the same. A
// path in a layer is therefore resolved only by the symlinks of that layer: lib/x creates a folder
// lib even if a lower layer has a symlink lib. Whiteouts and opaque markers hide only entries of
// lower layers, wherever they are in their layer.
//
// # Rules for paths
//
// Resolve follows symlinks as if the root of the tree were the root of the system.
// No path leads above it. FuzzResolve compares the results with the resolver that
// BuildKit uses on disk.
package fstree
