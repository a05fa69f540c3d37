// Package lock reads and writes slipway.lock, which records the digests of the tags of other projects.
//
// The file has one entry per line, a fully qualified reference with a tag and its digest, sorted by reference. # starts
// a comment. The file should be committed, beside slipway.yaml. A reference with a digest does not need an entry.
package lock
