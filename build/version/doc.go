// Package version finds the version of a release.
//
// A head is the commit that is checked out, with its git tags. A tag is a git tag, or the environment variable TAG,
// which stands for one. A version is the text that people call a release by; an image tag is the version as registries
// can hold it. A Release is a version with the commit and the time that everything in the release states.
//
// The version is the first of these that exists:
//
//   - the environment variable TAG;
//   - the git tag on HEAD that matches version.pattern of slipway.yaml; of several, the highest by semantic version.
//     It ends in -dirty if a tracked file differs from the commit;
//   - version.base, followed by +dev.<first 8 digits of the commit>[-dirty], or by +dev if there is no commit;
//   - without version.base, the nearest earlier git tag, followed by +dev.<commits since>.<8 digits>[-dirty];
//   - without such a tag, the same of v0.0.0 as of a version.base.
//
// A prefix (version.tag-prefix) is what all git tags of a project have before the version, in a repository with several
// projects. Tags without it are of other projects.
package version
