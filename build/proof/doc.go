// Package proof makes the statements of a release about its own artifacts, and compares them with the artifacts.
//
// A proof is a file that says something about an artifact: how it was made (its provenance), or which vulnerabilities
// concern it. An invocation is one run of a CI service; it is all that may differ between the proofs of two builds from
// the same inputs.
//
// The package takes plain values, and knows neither the plan nor the configuration.
package proof
