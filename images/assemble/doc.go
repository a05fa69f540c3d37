// Package assemble builds images from Dockerfiles in this process: without a daemon, without
// root, and without unpacking files.
//
// BuildKit's own packages parse the Dockerfile and expand its variables (package dockerfile).
// The evaluation is ours and follows BuildKit's (frontend/dockerfile/dockerfile2llb and
// solver/llbsolver/file), except for instructions that need a process. RUN, and ADD of a git
// repository, are errors that name the other builders.
//
// # Nouns
//
//   - An assembly is one call of Assemble.
//   - A stage is a stage of the Dockerfile with its state: the config, the variables and
//     the file system after the instructions so far.
//   - A step is the layer that one instruction creates. Its changes are the entries of
//     that layer.
//   - A transfer is a COPY or an ADD.
//   - The origin of a stage is the image at its bottom.
//
// # How it works
//
// The file system of a stage is a tree of nodes (package fstree). COPY and ADD copy nodes.
// Until a layer is written, only the names and states of files are read, and the headers of the
// layers of a base, once, if an instruction needs to know its files. A file of the build
// context that is copied through five stages is read once, when its layer is written.
//
// Only the target and the stages that it needs are evaluated, and only the layers of the target
// are built. Each layer is described first (package layer), and its key is computed from the
// description. If the layer store already has a layer with that key, for example from another
// version of Windows, nothing is written. A rebuild without changes costs one stat per file.
//
// Before the first stage is evaluated, refuseProcesses reports all instructions that need a
// process.
//
// # The image
//
// Files from disk are owned by root and have the time of the Unix epoch. Their mode is 0755 or
// 0644 (images.NormalModes) or the one on disk (images.KeepModes). Files of images and unpacked
// archives keep what their tars say. Only the config and its history have the time of the
// build, so that a layer without changes keeps its digest from commit to commit.
// docs/dockerfile-support.md has the details, and the differences from BuildKit.
package assemble
