// Package output is dist, the folder that a release is made in.
//
//	dist/bin/<platform>/   binaries
//	dist/oci               images and indexes, an OCI layout
//	dist/artifacts         archives, lists, bundles and checksums
//	dist/artifacts.json    the report of what was made
//
// A Folder has its location: beside slipway.yaml, or elsewhere. Its methods take paths of a plan, which begin with dist/,
// and find the files. Runs that use the folder hold a Lock. A file is unfinished, and has a temporary name, until all of it
// is written; Sweep removes those of runs that were killed, and Clean everything that runs have made.
package output
