// Package proof makes what proves a release: statements about its artifacts, and signatures of its files and images. It
// compares both with the artifacts.
//
// A proof is a file that says something about an artifact: how it was made (its provenance), or which vulnerabilities
// concern it. An invocation is one run of a CI service; it is all that may differ between the proofs of two builds from
// the same inputs.
//
// A signing has the key of a release. The signature of a file is a Sigstore bundle beside it, FILE.sigstore.json. The
// signatures of images and indexes are bundles in dist/proof until they are published.
//
// The package takes plain values, and knows neither the plan nor the configuration.
package proof
