// Package version determines the version of a release.
//
// A head is the current commit, with its git tags. A tag is a git tag, or the environment variable TAG, which replaces
// one. A version is the text that identifies a release; an image tag is the version in a form that registries accept. A
// Release is a version, with the commit and the time that everything in the release contains.
//
// The version is the first of these that exists:
//
//   - the environment variable TAG;
//   - the git tag on HEAD that matches version.pattern of slipway.yaml; of several, the highest by semantic version.
//     It ends in -dirty if a tracked file differs from the commit;
//   - version.base, followed by +dev.<first 8 digits of the commit>[-dirty], or by +dev if there is no commit;
//   - without version.base, the nearest earlier git tag, followed by +dev.<commits since>.<8 digits>[-dirty];
//   - without such a tag, v0.0.0 in place of version.base.
//
// A prefix (version.tag-prefix) is the beginning of all git tags of a project, before the version, in a repository with
// several projects. Tags without it belong to other projects.
package version
