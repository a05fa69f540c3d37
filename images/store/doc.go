// Package store keeps image content on disk: an OCI image layout, and next to it cached facts and
// derived files.
//
// # Layout
//
//	oci-layout               {"imageLayoutVersion": "1.0.0"}
//	index.json               the images with a name, see Tag
//	blobs/sha256/<hex>       layers, configs, manifests and indexes, by digest
//	.slipway/ingest/         files being written; renamed when complete and verified
//	.slipway/partial/        downloads that can be resumed, see Resume
//	.slipway/records/        small cached facts, see Record
//	.slipway/derived/        files made from blobs, such as frames, see Derived
//	.slipway/files           digests of source files, see FileDigest
//
// Any program that reads OCI layouts (skopeo, umoci, crane, BuildKit) can read a store. The folder
// .slipway is private to this package, and may be deleted when no process uses the store.
//
// # Consistency
//
// A blob gets its final name by a rename, after its size and SHA-256 have been verified, so any
// file with such a name can be read. It is never modified again. Therefore blobs are read-only, and
// stores can share a blob through a hard link. A killed process leaves a file in ingest, which is
// removed a day later, and a download that the next run resumes.
//
// Several processes may use a store at the same time. Equal content has the same name and the same
// bytes, so concurrent writers do no harm; only index.json is edited, under a lock.
//
// index.json is synced to disk before it is renamed. Blobs are not: after a power failure, one may
// be short or contain wrong bytes. Syncing each blob would triple the time of a build.
//
// # Nothing is trusted
//
// Disks fail, and a cache may be shared. Every file is therefore checked when it is read or copied,
// and before another store links it: a blob against its digest, or against a checksum that was
// computed when its digest was verified, which is as fast as copying; a derived file against the
// checksum with which it was written; a record against its own checksum, which covers kind and key.
// A file that is wrong, cannot be read, or is not a regular file is removed. The error is a
// *DamagedError; Mend warns and starts over, so that the file is built or fetched again. Functions
// that only look up records and derived files do that themselves.
//
// # Terms
//
// A blob is a file named by its digest. A record is a small cached fact. A derived file is the
// cached result of a computation. An output is a store that is published, dist/oci.
//
// The digest of a layer identifies its compressed bytes, the diff ID its uncompressed bytes. A
// config lists diff IDs, a manifest lists digests, and only reading the whole layer shows which
// belong together; BlobInfo caches the result.
package store
