// Package pipeline writes the workflow with which a CI service makes a release.
//
// A pipeline has three stages. Shards package the release, each on a runner of its platforms; one job merges what they
// have made, and verifies it; and one job publishes it. Only the last has the right to publish and its secrets. Jobs
// share nothing but git, and the folder dist, which the service keeps for the next job.
//
// A service is GitHub Actions, GitLab CI or Argo Workflows. A runner is what a service calls the machine of a job: a
// label on GitHub, a tag on GitLab, and for Argo the architecture of a Linux node. All platforms with the same runner
// are in one group, and a group has one or more shards.
//
// A generated file begins with a header: the command that wrote it, and a checksum of the other lines. Check makes the
// file again with that command, and says whether slipway.yaml has changed since, or a person has edited the file.
//
// The environment does not affect a pipeline, so that it is the same everywhere: values of slipway.yaml that depend on
// the environment have their defaults, and destinations are included whether or not their condition holds.
package pipeline
