// Package output manages dist, the folder in which a release is made.
//
//	dist/bin/<platform>/   binaries
//	dist/oci               images and indexes, an OCI layout
//	dist/artifacts         archives, lists, bundles and checksums
//	dist/artifacts.json    the report of what was made
//
// A Folder has a location: beside slipway.yaml, or elsewhere. Its methods take paths of a plan, which begin with dist/,
// and find the files. Runs that use the folder hold a Lock. Until a file is completely written, it is unfinished and
// has a temporary name. Sweep removes unfinished files of killed runs, and Clean removes everything that runs have
// made.
package output
