// Package carry finds what is attached to images and indexes in a registry, and sends it to another one, so that
// signatures, attestations and SBOMs arrive wherever an image goes. On the way they may be documents in the proof of an
// archive.
//
// # Nouns
//
//   - A subject is an image or index that something may be attached to. All manifests of an index are
//     subjects of their own.
//   - An attachment is an image or index that is attached to a subject: a referrer, which names the
//     subject in its manifest (OCI image-spec, "subject"), or the artifact under a tag of cosign, whose
//     name contains the digest of the subject: sha256-….sig, .att and .sbom. Attachments are subjects,
//     too: an SBOM may be signed.
//
// # Trust
//
// A registry may list anything. An attachment counts as a referrer only if its manifest, whose digest was
// checked, names the subject. The descriptors that are published come from the manifests. Package carry
// does not check signatures.
package carry
