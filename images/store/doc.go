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
// cut can leave one short or with wrong bytes. Syncing each blob would triple the
// time that a build needs.
//
// # Nothing is trusted
//
// Disks fail, and a cache may be shared. So each file is checked when it is read or
// copied, and before another store links it: a blob against its digest, or against
// a checksum that was taken when its digest was right, which is as fast as copying;
// a derived file against the checksum it was written with; a record against its own,
// which covers kind and key. A file that is wrong, cannot be read, or is not a regular
// file is removed. The error is a *DamagedError; Mend warns and starts over, so that
// the file is made or fetched anew. What merely finds records and derived files does
// so by itself.
//
// # Words
//
// The digest of a layer names its compressed bytes, the diff ID its uncompressed
// ones. A config lists diff IDs, a manifest lists digests, and only reading the
// whole layer tells that they belong together; BlobInfo is the remembered answer.
package store
