// Package policyfile reads policies from YAML and public keys from PEM, for commands that check proof.
// docs/verifying.md describes the file. Package images/attest/policy decides by it.
package policyfile
