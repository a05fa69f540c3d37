// Package cache shares what is expensive to make between machines: the frames of archives, layers, blobs of
// registries, and what was found in layers. A fresh machine fetches them in place of making them.
//
// # Nouns
//
//   - An Entry is content with a kind and a key, which are those of the content store. The key covers everything
//     that the content depends on.
//   - A Place has entries: a folder, a bucket of S3 or a repository of a registry. It has blobs, which are named by
//     their SHA-256, and segments.
//   - A segment is a list of entries, which is written once and never changed. All segments of a place together are
//     its index. A machine reads the index once; after that, a miss needs no request.
//   - A pack is a blob with the content of several small entries.
//
// # Writers do not wait
//
// A writer adds blobs, and then a segment that names them, so that what a reader finds is complete. No file is
// changed, so any number of writers need no lock. A writer that finds many segments writes one that replaces them.
//
// # Nothing is trusted
//
// Whoever can write to a place can write anything. The content of an entry is compared with the SHA-256 that its
// segment states, which detects damage. Against malice, there are two kinds of entries. What a proven entry must be
// is known without the cache: a blob has its digest, and a frame decodes to layers with known digests; the reader
// checks that before it uses the content. Other entries count only with the signature of a trusted key. If there are
// trusted keys, proven entries need a signature, too: the same content can be compressed in several ways, of which only
// one is what this machine would make.
//
// An entry that is wrong is reported and not used again. What is made in its place is added, and takes precedence as
// the newer one.
//
// A place that cannot be reached or written costs time and gives a warning. It never fails a command.
package cache
