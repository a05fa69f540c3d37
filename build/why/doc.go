// Package why explains why a step of a release was made again, or why it would be.
//
// An Input is a single thing that a step depends on: a file, a setting, a base image. It has a kind, a name and a value,
// which is a digest for files and images. A Run has all inputs of a step when it was last made, and the digests of its
// outputs. A Record has the last two runs that differ; it is kept in the cache. A Change is an input whose values in two
// lists differ.
//
// The package decides nothing: whether a step is up to date depends on keys and stamps, which cover the same inputs. A
// key is a hash, which says that something has changed, but not what.
//
// Values never contain secrets. An input with a secret has a part of a hash of its value, so that a change is noticed.
package why
