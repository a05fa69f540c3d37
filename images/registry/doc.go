// Package registry pulls images from registries and pushes them. Package transport sends the requests. It is
// responsible for hosts, mirrors, credentials, and further attempts after failures.
//
// # Pulling
//
// Resolve gets the manifest that a reference names, which is one small request, and Image selects
// the image for a platform. The rest is fetched on first use: the config by ConfigFile, a layer by
// its first read. All content is written to a store, so it is fetched only once by all processes
// that share the store. The store also remembers what each tag referred to, so that a later run can
// work offline.
//
// Layers are files of the store (store.FileLayer). Foreign layers, which old Windows base images
// have, are requested from the registry, which need not store them, and then from the URLs of their
// descriptors, without credentials. A registry on the Internet must not name a URL in this network.
//
// # Pushing
//
// Push sends the blobs of an image, then its manifest, then the index that lists it, and sets the
// tag last, so that a visible tag is always complete. Blobs that the registry has are not sent
// again; blobs that it has in another repository are mounted. A foreign layer that cannot be
// fetched anywhere is left out, with a warning.
//
// # Referrers
//
// Manifests such as signatures name another one as their subject, and registries list them. Registries
// without that list have a tag in its place, sha256-…, whose index clients maintain. Referrers reads
// both, and PushReferrers makes sure that a registry returns and lists what it has accepted.
//
// # Failures
//
// Besides the attempts of package transport:
//
//   - An upload session that the registry has lost (404, BLOB_UPLOAD_UNKNOWN): a new upload.
//   - A manifest that is refused because of children that the registry claimed to have
//     (MANIFEST_BLOB_UNKNOWN, MANIFEST_UNKNOWN): the children are sent unconditionally.
//   - A tag that cannot be read after its PUT, or still has its old value: repeated reads for half
//     a minute.
//   - An interrupted download is resumed (RFC 9110, section 14.2), in this run or in a later one,
//     if the registry supports ranges.
//
// When pushing, a refused HEAD is not conclusive: some registries answer 403 for missing content.
//
// All content is checked against its digest. On a mismatch, it is fetched or sent once more; then
// it is an error.
//
// Errors are one line, name the registry and contain no secret. An error about missing content
// wraps fs.ErrNotExist, and one about missing permission wraps fs.ErrPermission.
//
// # Credentials
//
// Options.Credentials take precedence over auth files and their credential helpers (package
// credentials).
package registry
