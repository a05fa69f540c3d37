// Package policy says which proof is required of archives and images, and from whom. It decides; it reads no
// file and no network. docs/verifying.md describes the file of a policy.
//
// # Nouns
//
//   - A Signer is a name that a policy gives to a public key, or to several.
//   - A Rule says what is required of the images of some repositories. The first rule that names a repository
//     decides; an image that no rule names is refused.
//   - The signer of an archive vouches for all that the archive contains. The signer of an image signed its
//     manifest, or an index that lists it, in the registry that the image comes from.
//
// # Time
//
// A policy requires nothing of the time, because nodes without a network have no clock that can be relied upon.
// A key is trusted as long as the policy names it. An old release, whose signatures are good forever, is refused
// by Archive.Minimum.
package policy
