// Package lock reads and writes slipway.lock, which records what the tags of other projects referred to.
//
// The file has one entry a line, a fully qualified reference with a tag and its digest, sorted by reference; # starts a
// comment. It belongs into the repository, beside slipway.yaml. A reference that has a digest itself needs no entry.
package lock
