// Package registry pulls images from registries and pushes them.
//
// # Pulling
//
// Resolve asks a registry what a reference names, which is one small request, and
// Image picks the image for a platform. What else there is to an image is fetched
// when it is asked for: the config with ConfigFile, a layer with the first read of
// it. All of it lands in a store, so that nothing is fetched twice, by this process
// or by another that uses the same store, and so that a later run can do without a
// network: what a tag meant the last time is remembered there too.
//
// Layers are files of the store (store.FileLayer). Foreign layers, of which old Windows
// bases are made, are asked for at the registry, which need not hold them, and then at
// the URLs of their descriptors, without credentials. A registry on the Internet must
// not name a URL of this network.
//
// # Pushing
//
// Push sends the blobs of an image first, then its manifest, then the index that
// names it, and gives the tag away last, so that whoever sees a tag finds all of
// it. What the registry has is not sent again, and what it has in another
// repository is mounted from there. A foreign layer that is nowhere to be had is left
// out, with a warning.
//
// # What may go wrong
//
// A failure is retried by what it is, with a body made anew and credentials that are
// valid now:
//
//   - 408, 429 and 5xx, a broken connection, and a transfer that moves no byte for 30
//     seconds: five attempts in all, after waits that grow. Retry-After is obeyed up to
//     two minutes.
//   - 401: a new token, since one may expire during a request, and then the request
//     once more.
//   - An upload that the registry has forgotten (404, BLOB_UPLOAD_UNKNOWN): another
//     upload.
//   - A manifest whose children the registry misses although it claimed to have them
//     (MANIFEST_BLOB_UNKNOWN, MANIFEST_UNKNOWN): the children are sent whatever it
//     claims.
//   - A tag that cannot be read after its PUT, or shows what it named before: half a
//     minute of asking again.
//   - A download that broke off goes on from where it was (RFC 9110, section 14.2), if
//     the registry can do that, in this run or in a later one.
//
// A refused HEAD decides nothing when something is pushed: some registries answer 403
// for what does not exist. Other refusals (400, 401, 403, 404) are final.
//
// Everything has a digest and is checked against it. On a digest mismatch, content is
// fetched or sent once more; then it is an error.
//
// Errors are one line, name the registry, and never a secret. Content that is not
// there is an error that wraps fs.ErrNotExist, and a refusal for want of rights one
// that wraps fs.ErrPermission.
//
// # Credentials
//
// Options.Credentials win; else the auth files say them, themselves or by their
// credential helpers (package credentials). A helper that does not work is not an error
// as long as the registry lets everybody in. Hosts that a registry redirects to see no
// credentials.
//
// # Transport
//
// Registries at loopback and private addresses are asked in HTTPS, and in plain HTTP if
// they do not speak TLS; all others in HTTPS alone. Package hosts knows what differs, and
// mirrors: they are asked first, once each.
package registry
