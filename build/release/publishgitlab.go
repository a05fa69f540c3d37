package release

import (
	"cmp"
	"context"
	"fmt"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/publish"
)

func (p *publication) checkGitLab(ctx context.Context, d config.Destination) error {
	gitlab, options, err := p.gitlab(d)
	if err != nil {
		return err
	}
	return gitlab.Check(ctx, p.filesFor(d), options)
}

func (p *publication) sendGitLab(ctx context.Context, d config.Destination) error {
	gitlab, options, err := p.gitlab(d)
	if err != nil {
		return err
	}
	url, err := gitlab.Publish(ctx, p.filesFor(d), options)
	if err != nil {
		return err
	}
	p.published.add(Made{Kind: "release", Name: p.Plan.Project, Ref: url})
	return nil
}

// gitlab returns the client of a destination, and the options of its release.
func (p *publication) gitlab(d config.Destination) (publish.GitLab, publish.GitLabOptions, error) {
	if p.options.Offline {
		return publish.GitLab{}, publish.GitLabOptions{}, fmt.Errorf("offline: cannot create the release of %s", d.GitLab.Project)
	}
	r := p.Plan.Release
	notes, err := p.readNotes(d, d.GitLab.Notes)
	return p.gitlabProject(d), publish.GitLabOptions{Tag: r.GitTag(), Commit: r.Commit, Name: cmp.Or(d.GitLab.Title, p.Plan.Project+" "+r.Version),
		Notes: notes, Package: p.Plan.Project, Version: r.Version, Replace: p.forced(d)}, err
}

// gitlabProject returns the client of a destination.
func (r *Release) gitlabProject(d config.Destination) publish.GitLab {
	env := func(name string) string { v, _ := r.options.Getenv(name); return v }
	return publish.GitLab{Project: d.GitLab.Project, Token: env("GITLAB_TOKEN"), JobToken: env("CI_JOB_TOKEN"),
		BaseURL: cmp.Or(env("GITLAB_API_URL"), env("CI_API_V4_URL"))}
}
