// Package rebuild builds a release a second time, and compares the result with the first one.
//
// A rebuild is a build of the same commit in a clean clone of the repository, in other surroundings: another umask, time
// zone, language, user name, number of processors, order of steps, name of the folders, and, where the system allows it,
// another name of the host. Slipway's cache is empty. If a build depends on its surroundings, the rebuild therefore differs.
// A rebuild needs no private key: it signs nothing, and signatures are not compared.
//
// A side is one of two releases that are compared: dist, a rebuild, or a published release in a folder, below a URL, or in
// a registry. A subject is a file, image or index of a release. Equal subjects have the same digest; package compare says
// in words how others differ.
package rebuild
