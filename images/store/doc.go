// Package store keeps image content on disk: an OCI image layout, and beside it
// what is known about the content and what was derived from it.
//
// # What lies where
//
//	oci-layout               {"imageLayoutVersion": "1.0.0"}
//	index.json               the images that have a name, see Tag
//	blobs/sha256/<hex>       layers, configs, manifests and indexes, by digest
//	.slipway/ingest/         files being written; renamed when complete and right
//	.slipway/partial/        downloads that can be resumed, see Resume
//	.slipway/records/        small remembered facts, see Record
//	.slipway/derived/        files made from blobs, such as frames, see Derived
//	.slipway/files           digests of source files, see FileDigest
//
// Any program that reads OCI layouts (skopeo, umoci, crane, BuildKit) reads a
// store; the folder .slipway is ours alone, and may be deleted when nothing runs.
//
// # Why it cannot break
//
// A blob gets its final name by a rename, after its size and its SHA-256 were
// found right, so that whoever sees the name may read the file. Nothing that has
// a name is ever written to again, which is why blobs are read-only and why one
// store can share a blob with another by a hard link. A process that is killed
// leaves a file in ingest, which is swept a day later, and a download that the
// next run resumes.
//
// Several processes may use a store at once. The same content has the same name
// and the same bytes, so that two who write it do no harm; index.json alone is
// edited, under a lock.
//
// index.json is synced to the disk before it is renamed. Blobs are not: a power
// cut can leave one short, which shows in its size, and one that has the right
// size and wrong bytes is found when it is read, since readers verify digests. It
// is removed then, and fetched or made again. Syncing each blob would triple the
// time that a build needs.
//
// # Words
//
// The digest of a layer names its compressed bytes, the diff ID its uncompressed
// ones. A config lists diff IDs, a manifest lists digests, and only reading the
// whole layer tells that they belong together; BlobInfo is the remembered answer.
package store
