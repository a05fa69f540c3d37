// Package publish puts the files of a release where people get them: into a
// folder, or into a release on GitHub.
//
// # Half a release
//
// Whoever sees a release must see all of it. In a folder each file takes its name
// when its bytes are there and were read back, and only after those before it in
// the list, so that checksums, which come last, are never there before what
// they are of. A release on GitHub stays a draft, which only its project sees,
// until every file in it has been looked at.
//
// # Doing it again
//
// A run that was interrupted is repeated, and goes on: what is there and is right
// stays, what is broken or different is replaced. A release that was published is
// another matter, since people have it: files that it lacks are added, and one that
// differs is an error.
//
// # What GitHub refuses
//
// A file of 2 GiB or more, an empty one, and the 1001st are refused, each with
// another message and after the upload; some names are changed without a word.
// CheckGitHub says all of that before anything is built or sent.
package publish
