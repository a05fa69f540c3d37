// Package buildfile reads the files that every builder reads on the host: the Dockerfile, the
// ignore files of contexts, and the build arguments that control a builder. A file that an ignore
// file excludes is therefore in no image, whichever builder makes it.
//
// # Nouns
//
//   - A context is a folder with the files for COPY and ADD: the build context, or a named one (--build-context).
//   - Ignored is the content of an ignore file: DOCKERFILE.dockerignore or .dockerignore.
//   - A Steering is a build argument that controls the builder instead of the Dockerfile, such as BUILDKIT_SYNTAX.
//   - An Expansion limits the memory for the variables of one Dockerfile.
//   - A SourceError is an error in a Dockerfile, with its line.
//
// # Symlinks
//
// A symlink to a Dockerfile or an ignore file is followed wherever it leads, also out of the
// context. BuildKit sees only files inside of the context: it does not find such an ignore file,
// and copies the files that it excludes (moby/moby#42108).
package buildfile
