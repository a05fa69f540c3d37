// Package ranges reads files of web servers by ranges (RFC 9110, section 14), without downloading them.
//
// # Nouns
//
//   - A block is a piece of a file, of 64 KiB. Blocks that were fetched are kept in a temporary file, so that none is
//     fetched twice.
//   - A validator is what tells whether a file has changed on the server: a strong ETag, or else the time of its last
//     modification.
//
// Credentials come from the URL, or from a .netrc file, and appear in no error.
package ranges
