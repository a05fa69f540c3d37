// Package sign makes and verifies signatures, as Sigstore bundles, without a network.
//
// A bundle is a JSON file with one signature and the data that is needed to verify it
// (https://docs.sigstore.dev/about/bundle/). It has one of two kinds of content:
//
//   - A message signature is a signature of the bytes of a file. The bundle has the file's digest, not its bytes.
//     "cosign sign-blob" makes it, and "cosign verify-blob" verifies it.
//   - An envelope holds the signed bytes, its payload, with their media type, the payload type. The signature is of
//     both (DSSE, https://github.com/secure-systems-lab/dsse). The payload usually is an in-toto statement.
//
// A Signer signs. A PrivateKey is a Signer, and so is a Command, an external program that uses a key of an HSM or a
// KMS. A PublicKey verifies. The hint of a public key is the SHA-256 of its DER form in base64; bundles contain it to
// name the key. A hint is not signed, so it does not select the key: all given keys are tried.
//
// The algorithm follows from the key: ECDSA P-256 or RSA PKCS #1 v1.5 with SHA-256, or Ed25519, as "cosign verify
// --key" expects. Signatures of other programs with Ed25519ph, ECDSA P-384 or ECDSA P-521 are verified too. A
// PrivateKey makes the same signature of the same bytes each time: ECDSA signatures follow RFC 6979, and the other
// algorithms are deterministic.
package sign
