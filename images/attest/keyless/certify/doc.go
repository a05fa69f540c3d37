// Package certify signs with an identity instead of a key, as "cosign sign" without --key does.
//
// An identity token is a JWT by which a service, such as that of a CI, states who a job or a person is. For a token, a
// Fulcio certifies a key that is made for this run and is never stored. A timestamp authority, or Rekor, then states when
// each signature was made. Two runs make different signatures of the same bytes.
//
// A token is a secret until it ends: whoever has it can sign as the identity. It is sent to Fulcio alone, and appears in
// no error.
package certify
