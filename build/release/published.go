package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/publish"
	"github.com/slipway-build/slipway/build/version"
)

// ErrNoTag means that a text is not the tag of a release of a project.
var ErrNoTag = errors.New("not the tag of a release")

// A Place is a destination of a published release, and how its files are read.
type Place struct {
	// Name describes it in messages.
	Name string
	// Open finds the files: those of a folder, if it is not empty, or those at addresses. The error is
	// publish.ErrNotPublished if the destination does not have the release.
	Open func(context.Context) (folder string, address publish.Address, err error)
}

// Places returns the version of the release for a git tag, and the destinations of its files, in the order of slipway.yaml.
// They are those that slipway.yaml has for this version now. The error is ErrNoTag if tag does not match version.pattern, or
// slipway.yaml is missing.
func Places(ctx context.Context, o Options, tag string) (string, []Place, error) {
	file, err := o.configFile()
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrNoTag, err)
	}
	now, err := config.Load(ctx, file, o.Getenv, o.Set...)
	if err != nil {
		return "", nil, err
	}
	if !isTag(now, tag) {
		return "", nil, fmt.Errorf("%w of %s", ErrNoTag, now.Project)
	}
	getenv := o.Getenv
	o.Config, o.Platforms, o.OS, o.SkipWindows = file, nil, "", false
	o.Getenv = func(name string) (string, bool) {
		if name == "TAG" {
			return tag, true
		}
		return getenv(name)
	}
	r, err := Open(ctx, o)
	if err != nil {
		return "", nil, err
	}
	defer r.Close()
	places, err := r.places()
	return r.Plan.Release.Version, places, err
}

// isTag reports whether text is a tag of a release, or its image tag, with - instead of +.
func isTag(c *config.Config, text string) bool {
	pattern, err := regexp.Compile(cmp.Or(c.Version.Pattern, version.DefaultPattern))
	if err != nil {
		return false
	}
	_, _, err = version.Head{}.Choose(text, version.Scheme{Prefix: c.Version.TagPrefix, Pattern: pattern}, nil)
	return err == nil
}

// places returns the destinations of the files of this release.
func (r *Release) places() (places []Place, err error) {
	for _, d := range r.artifactDestinations() {
		if d.Exec.String() != "" {
			continue
		}
		places = append(places, Place{d.String(), func(ctx context.Context) (string, publish.Address, error) {
			if d.Directory == "" {
				address, err := r.find(ctx, d)
				return "", address, err
			}
			folder := r.path(d.Directory)
			if info, err := os.Stat(folder); err != nil || !info.IsDir() {
				return "", nil, publish.ErrNotPublished
			}
			return folder, nil, nil
		}})
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("%s publishes the files of %s to no destination now: add one with github, gitlab, s3 or directory to publish, or name a folder or a URL that has the files",
			r.Config.File, r.Plan.Release.Version)
	}
	return places, nil
}

// find finds the files of this release at a destination that is not a folder.
func (r *Release) find(ctx context.Context, d config.Destination) (publish.Address, error) {
	v := r.Plan.Release
	switch {
	case d.OCI != "":
		return nil, errors.New("files of an OCI artifact cannot be read: pull them to a folder, with oras pull for instance, and name the folder")
	case r.options.Offline:
		return nil, errors.New("offline: it cannot be read")
	case d.GitHub.Repository != "":
		return r.repository(d).Find(ctx, v.GitTag())
	case d.GitLab.Project != "":
		return r.gitlabProject(d).Find(ctx, publish.GitLabOptions{Tag: v.GitTag(), Package: r.Plan.Project, Version: v.Version})
	}
	b, err := r.bucket(d)
	if err != nil {
		return nil, err
	}
	return b.Find(ctx, d.S3.Prefix, d.S3.Object)
}
