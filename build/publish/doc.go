// Package publish copies the files of a release to a folder, to a release on GitHub or GitLab, or to a bucket of S3.
//
// An artifact is a file of a release. An asset is an artifact on GitHub, and an object is an artifact in a bucket. A
// draft is a release on GitHub that only members of its project can see. A rank is whether a release is a pre-release,
// or the latest.
//
// # Complete releases
//
// A visible release is always complete. In a folder, a file gets its name after its content has been written and read
// back, and after the files before it in the list. Checksums come last, so they never exist before the files that they
// are for. The same is true in a bucket. A release on GitHub stays a draft until every file in it has been checked; a
// release on GitLab is created after that.
//
// # Repeating a run
//
// A run after an interruption continues the work: correct files are kept, damaged or different ones are replaced. A
// published release may be in use already, so missing files are added, and a different one is an error.
//
// # GitHub's limits
//
// GitHub refuses files of 2 GiB or more, empty files, and the 1001st file, each with a different message and after the
// upload; and it silently changes some names. Check reports all of that before anything is sent.
package publish
