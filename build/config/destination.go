package config

import (
	"encoding/json"
	"path"
	"reflect"

	"github.com/slipway-build/slipway/build/config/expression"
)

// A Destination is a location to which a release is published: a registry for images; or a folder, an OCI repository, a
// GitHub or GitLab release or a bucket for dist/artifacts; or a command that runs after the others. Exactly one of
// Registry, Directory, OCI, GitHub, GitLab, S3 and Exec is set.
type Destination struct {
	// Position is its location in slipway.yaml.
	Position Position `yaml:"-" json:"-"`

	When        expression.Condition `yaml:"when" json:"-" doc:"condition, such as ${REGISTRY} != \"docker.io\": nothing is published here unless it holds"`
	Registry    string               `yaml:"registry" json:"registry,omitempty" doc:"registry for images"`
	Repository  string               `yaml:"repository" json:"repository,omitempty" doc:"with registry: path before the image name; default: the project's"`
	Directory   string               `yaml:"directory" json:"directory,omitempty" doc:"folder for artifacts; copies are verified, checksums are written last"`
	OCI         string               `yaml:"oci" json:"oci,omitempty" doc:"reference for artifacts, pushed as one OCI artifact; default tag: TAG"`
	GitHub      GitHubRelease        `yaml:"github" json:"github,omitzero" doc:"GitHub release for artifacts: owner/name, or a mapping; it is a draft until complete (GITHUB_TOKEN)"`
	GitLab      GitLabRelease        `yaml:"gitlab" json:"gitlab,omitzero" doc:"GitLab release for artifacts: path of the project, or a mapping; files are kept in its package registry (GITLAB_TOKEN, or CI_JOB_TOKEN of a job)"`
	S3          S3Bucket             `yaml:"s3" json:"s3,omitzero" doc:"bucket of Amazon S3, or of a server with its API, for artifacts: its name, or a mapping"`
	Exec        Command              `yaml:"exec" json:"exec,omitzero" doc:"command to run after all other destinations, such as one that clears a cache"`
	Credentials Credentials          `yaml:"credentials" json:"credentials,omitzero" doc:"with registry, oci and s3: credentials, as names of environment variables; default: see docs/publishing.md" example:"{username: \"${PRIME_USER}\", password: \"${PRIME_TOKEN}\"}"`
	Report      bool                 `yaml:"report" json:"report,omitempty" doc:"with directory, github, gitlab and s3: also publish artifacts.json, with which later releases are compared; see docs/report.md; default: false"`
	Force       bool                 `yaml:"force" json:"force,omitempty" doc:"replace existing content of a tag or release, as --force does (FORCE in the environment)"`
	Snapshot    bool                 `yaml:"snapshot" json:"snapshot,omitempty" doc:"allow untagged versions and checkouts with uncommitted changes, as --snapshot does (SNAPSHOT in the environment)"`
}

// String describes the destination in messages.
func (d Destination) String() string {
	switch {
	case d.Directory != "":
		return "folder " + d.Directory
	case d.OCI != "":
		return "OCI artifact " + d.OCI
	case d.GitLab.Project != "":
		return "GitLab release of " + d.GitLab.Project
	case d.S3.Bucket != "":
		return "S3 bucket " + path.Join(d.S3.Bucket, d.S3.Prefix)
	case d.Exec.String() != "":
		return "command " + d.Exec.String()
	case d.GitHub.Draft:
		return "GitHub release of " + d.GitHub.Repository + " (draft)"
	case d.GitHub.Repository != "":
		return "GitHub release of " + d.GitHub.Repository
	}
	return "registry " + d.Registry + "/" + d.Repository
}

// A GitHubRelease is a release on GitHub. Its tag is the version.
type GitHubRelease struct {
	Repository string `yaml:"repository" json:"repository" required:"guarded" short:"true" doc:"owner/name"`
	Title      string `yaml:"title" json:"title,omitempty" doc:"default: the project and the version"`
	// Notes is empty, the path of a file, or GeneratedNotes.
	Notes      string `yaml:"notes" json:"notes,omitempty" doc:"file with the text of the release, in Markdown, which is used unchanged; or generate, for GitHub's notes about the pull requests since the previous release"`
	Draft      bool   `yaml:"draft" json:"draft,omitempty" doc:"keep the release a draft, until slipway publish release or a person publishes it"`
	Prerelease string `yaml:"prerelease" json:"prerelease,omitempty" enum:"auto true false" doc:"mark it as a pre-release: true, false, or auto (default): if the version is one, such as v1.2.3-rc1"`
	MakeLatest string `yaml:"make-latest" json:"makeLatest,omitempty" enum:"auto true false" doc:"mark it as the latest release: true, false, or auto (default): GitHub compares the versions; a pre-release never is"`
	Discussion string `yaml:"discussion" json:"discussion,omitempty" doc:"category of a discussion that is started when the release is published"`
}

// GeneratedNotes is the value of GitHubRelease.Notes that makes GitHub write the notes.
const GeneratedNotes = "generate"

// MarshalJSON writes only the repository if nothing else is set, which is also a valid form in slipway.yaml.
func (g GitHubRelease) MarshalJSON() ([]byte, error) {
	if g == (GitHubRelease{Repository: g.Repository}) {
		return json.Marshal(g.Repository)
	}
	type whole GitHubRelease
	return json.Marshal(whole(g))
}

// A GitLabRelease is a release on GitLab. Its tag is the git tag of the version.
type GitLabRelease struct {
	Project string `yaml:"project" json:"project" required:"guarded" short:"true" doc:"path of the project, such as group/name"`
	Title   string `yaml:"title" json:"title,omitempty" doc:"default: the project and the version"`
	Notes   string `yaml:"notes" json:"notes,omitempty" doc:"file with the text of the release, in Markdown, which is used unchanged; default: none"`
}

// MarshalJSON writes only the project if nothing else is set, which is also a valid form in slipway.yaml.
func (g GitLabRelease) MarshalJSON() ([]byte, error) {
	if g == (GitLabRelease{Project: g.Project}) {
		return json.Marshal(g.Project)
	}
	type whole GitLabRelease
	return json.Marshal(whole(g))
}

// MarshalJSON writes only the bucket if nothing else is set, which is also a valid form in slipway.yaml.
func (b S3Bucket) MarshalJSON() ([]byte, error) {
	if reflect.DeepEqual(b, S3Bucket{Bucket: b.Bucket, Position: b.Position}) {
		return json.Marshal(b.Bucket)
	}
	type whole S3Bucket
	return json.Marshal(whole(b))
}
