// Package keyless verifies signatures of identities instead of keys, as "cosign sign" without --key makes them. It needs
// no network. Package certify makes such signatures.
//
// # Nouns
//
//   - An identity is a subject, such as an e-mail address or the URI of a workflow of CI, and its issuer, the service
//     that vouches for the subject.
//   - Fulcio is a certificate authority that certifies an identity together with a key that signs once. Its certificates
//     are valid for some minutes.
//   - A timestamp authority (RFC 3161) states that a signature existed at a time, so that the signature stays valid when
//     the certificate has ended. Rekor, a public log, states that, too.
//   - A trusted root has the certificates and the public keys of these services
//     (https://github.com/sigstore/protobuf-specs, sigstore_trustroot.proto).
//
// # What is required
//
// The rules are those of cosign and of the client specification of Sigstore
// (https://docs.sigstore.dev/about/security/): a time that a timestamp authority or Rekor states, and a certificate
// that a Fulcio of the root issued and that was valid at every stated time. If the root has a Rekor, an entry of the
// signature in its log is required. If the root has a log of certificates, a promise of that log is required.
package keyless
