// Package places has the places of shared caches: a folder, a bucket of S3 and a repository of a registry.
//
// A folder and a bucket have blobs/sha256/HEX and segments/HEX below a folder named v1, which is the version of the
// format. In a repository, a segment is a manifest with the tag slipway-cache-1-HEX; its first layer is the segment, and
// the others are the blobs of the entries, which the registry therefore keeps.
package places

// version is the version of the format of segments. Caches of different versions do not see one another.
const version = "v1"
