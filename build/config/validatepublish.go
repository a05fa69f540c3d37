package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/images"
)

// destinationKinds are the keys of which a destination has exactly one.
var destinationKinds = []string{"registry", "directory", "oci", "github", "gitlab", "s3", "exec"}

func (v *validator) publish() {
	credentials := map[string]Credentials{}
	for i := range v.config.Publish {
		d, path := &v.config.Publish[i], fmt.Sprintf("publish[%d]", i)
		v.destinationKind(path, *d)
		if v.given(path+".repository") && !v.given(path+".registry") {
			v.wrong(path+".repository", "only destinations with registry have a repository")
		}
		if d.Registry != "" {
			v.registry(v.decoder.at[path+".registry"], d.Registry)
			if d.Repository = cmp.Or(d.Repository, v.config.Repository); v.given(path + ".repository") {
				v.repository(v.decoder.at[path+".repository"], d.Repository)
			}
		}
		if d.OCI != "" {
			d.OCI = v.artifactReference(path+".oci", d.OCI)
		}
		v.github(path+".github", d.GitHub)
		v.gitlab(path+".gitlab", d.GitLab)
		v.s3(path+".s3", d.S3)
		if at := path + ".exec"; v.given(at) {
			v.hook(at, d.Exec.hook(), false)
		}
		v.credentials(path, *d, credentials)
	}
}

// destinationKind checks that a destination is of one kind, and that its value is not empty.
func (v *validator) destinationKind(path string, d Destination) {
	kinds := slices.DeleteFunc(slices.Clone(destinationKinds), func(kind string) bool { return !v.given(path + "." + kind) })
	switch {
	case len(kinds) == 0 && !v.reportedBelow(path):
		v.wrong(path, "want one of %s", alternatives(destinationKinds))
	case len(kinds) > 1:
		v.wrong(path, "want exactly one of %s, found %d: make each a destination of its own", alternatives(destinationKinds), len(kinds))
	}
	values := map[string]string{"registry": d.Registry, "directory": d.Directory, "oci": d.OCI, "github": d.GitHub.Repository, "gitlab": d.GitLab.Project, "s3": d.S3.Bucket}
	for _, kind := range kinds {
		// In another job, a variable may be empty.
		at := path + "." + kind
		if value, ok := values[kind]; ok && value == "" && !v.reportedBelow(at) && !v.reportedBelow(path+".when") && d.When.Holds(nil) {
			v.wrong(at, "is empty: give it a value, or a condition (when) that holds only where it has one")
		}
		if v.given(path+".report") && slices.Contains([]string{"registry", "oci", "exec"}, kind) {
			v.wrong(path+".report", "only directory, github, gitlab and s3 have it, from which a release can be read again")
		}
		if why := unforced[kind]; why != "" && v.given(path+".force") {
			v.wrong(path+".force", "only registry, oci, github and gitlab have it: %s", why)
		}
	}
}

// unforced maps kinds of destinations without a key force to the reason.
var unforced = map[string]string{
	"directory": "files in a folder are always replaced; put ${VERSION} into directory to keep each release",
	"s3":        "s3 has overwrite",
	"exec":      "a command replaces nothing",
}

// github checks a release on GitHub. Its notes need not exist before it is published.
func (v *validator) github(path string, g GitHubRelease) {
	at := path
	if v.given(path + ".repository") {
		at += ".repository"
	}
	v.shape(at, g.Repository, githubShape, "owner/name of a repository, such as slipway-build/slipway")
	if g.Prerelease == "true" && g.MakeLatest == "true" {
		v.wrong(path+".make-latest", "a pre-release is never the latest release on GitHub: remove this key, or prerelease")
	}
	v.texts(path, map[string]string{"title": g.Title, "notes": g.Notes, "discussion": g.Discussion})
}

// gitlab checks a release on GitLab.
func (v *validator) gitlab(path string, g GitLabRelease) {
	at := path
	if v.given(path + ".project") {
		at += ".project"
	}
	v.shape(at, g.Project, gitlabShape, "the path of a project, such as group/name")
	if g.Notes == GeneratedNotes {
		v.wrong(path+".notes", "only GitHub generates notes: name a file")
	}
	v.texts(path, map[string]string{"title": g.Title, "notes": g.Notes})
}

// texts reports values below a path that are given but empty.
func (v *validator) texts(path string, values map[string]string) {
	for key, value := range values {
		if at := path + "." + key; v.given(at) && value == "" && !v.reportedBelow(at) {
			v.wrong(at, "is empty: remove the key, or give it a value")
		}
	}
}

var gitlabShape = regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_.-]*(/[0-9A-Za-z_][0-9A-Za-z_.-]*)+$`)

var githubShape = regexp.MustCompile(`^[0-9A-Za-z-]+/[0-9A-Za-z._-]+$`)

// artifactReference checks the reference of an OCI artifact, and adds the tag if it is missing.
func (v *validator) artifactReference(path, ref string) string {
	if strings.Contains(ref, "@") {
		v.wrong(path, "%q: want a name and a tag, since the digest is unknown before the push", ref)
		return ref
	}
	if !strings.Contains(ref[strings.LastIndex(ref, "/")+1:], ":") {
		ref += ":" + v.config.Release.Tag
	}
	if _, err := images.ParseReference(ref); err != nil {
		v.wrong(path, "%v", err)
	}
	return ref
}
