// Package attach makes the OCI artifacts by which registries have signatures and attestations beside images, and indexes
// have attestations beside their images.
//
// A subject is the manifest or index that a signature is of. A referrer is a manifest that names its subject and holds
// one Sigstore bundle, as cosign 3 makes it (https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md). A
// signature tag is the tag sha256-….sig with signatures in the older form, simple signing
// (https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md), which cosign before version 3 and many
// admission controllers read.
//
// Unlike cosign, this package writes no time into a manifest, so that the same signature makes the same bytes.
package attach
