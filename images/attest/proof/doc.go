// Package proof is what an air-gap archive carries to prove what it contains and where it comes from.
// docs/airgap-format.md describes its files.
//
// # Nouns
//
//   - The content statement is an in-toto statement whose predicate, a Content, lists all files and
//     images of an archive. Its subjects are the manifests of the images.
//   - An Item is a document about an image, or about the archive: an SBOM, a signature, a provenance, the
//     registry's own manifest. The content statement lists the items, and the archive has each as a file.
//   - A signature of an archive is a Sigstore bundle whose payload is the content statement.
//   - A Member is a file of the proof in the archive.
package proof
