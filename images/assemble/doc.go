// Package assemble makes images from Dockerfiles in this process: no daemon, no
// root, no files unpacked.
//
// # What it does
//
// BuildKit's own packages parse the Dockerfile and expand its variables, so that
// the syntax is theirs to the letter. The evaluation is ours, and does what
// BuildKit's does (frontend/dockerfile/dockerfile2llb and
// solver/llbsolver/file), but for what needs a process: RUN, and ADD of a git
// repository, are errors that name the builders that can.
//
// # How it does it
//
// A stage is a tree of nodes: what tar headers say, and where the bytes are.
// COPY and ADD copy nodes. Nothing is read but the names and states of files, and
// of a base image its layers' headers, once, if an instruction needs to know what
// the base holds. A file that is copied from the build context through five
// stages is still that file on disk, and is read once, when the layer that holds
// it is written.
//
// Only the target and what it is made of is evaluated, and only the layers of
// the target are made. Each is described first (package layer) and named by the
// content it will have; if the layer store has made it before, for another
// Windows version or yesterday, nothing is written. An unchanged instruction
// costs a stat for each of its files.
//
// # What an image looks like
//
// Files from disk are owned by root, of the Unix epoch, and of mode 0755 or 0644
// (images.ContextMode), or of the mode on disk (images.KeepModes). What comes out of an image or an unpacked archive keeps
// what its tar says. The build's one time stands in the config and its history
// alone, so that a layer that did not change keeps its digest from commit to
// commit. docs/dockerfile-support.md says all of it, and where the result is not
// BuildKit's.
package assemble
