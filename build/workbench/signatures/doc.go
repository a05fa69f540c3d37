// Package signatures signs images in registries, and files, for commands without a project, and verifies their signatures.
//
// The subjects of a reference are the image or index that it names and, if asked for, all manifests of the index. Each
// subject has signatures of its own.
package signatures
