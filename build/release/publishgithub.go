package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/publish"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/usage"
)

// A Rank is whether a release on GitHub is a pre-release, or the latest.
type Rank = publish.Rank

// EndDrafts publishes the drafts of all destinations on GitHub, and reports their addresses. Their assets must be the
// files in dist. It publishes nothing unless all drafts are complete. Releases that are already published get the rank,
// if it is not empty.
func (r *Release) EndDrafts(ctx context.Context, rank Rank) error {
	if err := rank.Validate(); err != nil {
		return usage.Wrap(err)
	}
	lock, err := r.folder.Lock(ctx, false)
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := r.openBench(); err != nil {
		return err
	}
	p, err := r.newPublication(ctx, []string{"artifacts"})
	if err != nil {
		return err
	}
	planned := *p.Plan
	planned.Destinations = slices.DeleteFunc(slices.Clone(planned.Destinations), func(d config.Destination) bool { return d.GitHub.Repository == "" })
	p.Plan = &planned
	if len(planned.Destinations) == 0 {
		return usage.Errorf("%s publishes to no GitHub release now: add a destination with github to publish", r.Config.File)
	}
	if err := errors.Join(p.gather(ctx), p.allowed()); err != nil {
		return err
	}
	if err := p.eachDraft(func(g publish.GitHub, files []string, o publish.Options) error {
		return g.CheckDraft(ctx, files, o)
	}); err != nil {
		return err
	}
	return p.eachDraft(func(g publish.GitHub, files []string, o publish.Options) error {
		url, err := g.EndDraft(ctx, files, o, rank)
		if err == nil {
			p.published.add(Made{Kind: "release", Name: p.Plan.Project, Ref: url})
		}
		return err
	})
}

// eachDraft calls do for each destination on GitHub, with the files for it.
func (p *publication) eachDraft(do func(g publish.GitHub, files []string, o publish.Options) error) error {
	var errs []error
	for _, d := range p.Plan.Destinations {
		g, o, err := p.GitHub(d)
		if err == nil {
			err = do(g, p.filesFor(d), o)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("publishing the %s: %w", d, err))
		}
	}
	return errors.Join(errs...)
}

func (p *publication) checkGitHub(ctx context.Context, d config.Destination) error {
	github, options, err := p.GitHub(d)
	if err != nil {
		return err
	}
	return github.Check(ctx, p.filesFor(d), options)
}

func (p *publication) sendGitHub(ctx context.Context, d config.Destination) error {
	github, options, err := p.GitHub(d)
	if err != nil {
		return err
	}
	url, err := github.Publish(ctx, p.filesFor(d), options)
	if err != nil {
		return err
	}
	p.published.add(Made{Kind: "release", Name: p.Plan.Project, Ref: url})
	return nil
}

// GitHub returns the client of a destination, and the options of its release.
func (r *Release) GitHub(d config.Destination) (publish.GitHub, publish.Options, error) {
	switch {
	case r.options.Offline:
		return publish.GitHub{}, publish.Options{}, fmt.Errorf("offline: cannot create the release of %s", d.GitHub.Repository)
	case r.options.GitHubToken == "":
		return publish.GitHub{}, publish.Options{}, usage.Wrap(errors.New("GITHUB_TOKEN is not set: it needs write access to the contents of " + d.GitHub.Repository))
	}
	v, g := r.Plan.Release, d.GitHub
	options := publish.Options{Tag: v.GitTag(), Name: cmp.Or(g.Title, r.Plan.Project+" "+v.Version), Commit: v.Commit,
		Draft: g.Draft, Prerelease: v.Prerelease(), Discussion: g.Discussion, Replace: r.forced(d)}
	if prerelease, err := strconv.ParseBool(g.Prerelease); err == nil { // otherwise it is auto
		options.Prerelease = prerelease
	}
	if _, err := strconv.ParseBool(g.MakeLatest); err == nil {
		options.Latest = g.MakeLatest
	}
	var err error
	options.Notes, options.GenerateNotes, err = r.notes(d)
	return r.repository(d), options, err
}

// repository returns the client of a destination.
func (r *Release) repository(d config.Destination) publish.GitHub {
	owner, repo, _ := strings.Cut(d.GitHub.Repository, "/")
	return publish.GitHub{Owner: owner, Repo: repo, Token: r.options.GitHubToken, BaseURL: r.options.GitHubAPI}
}

// notes returns the text of a release on GitHub, or generated if GitHub generates it.
func (r *Release) notes(d config.Destination) (text string, generated bool, err error) {
	if d.GitHub.Notes == config.GeneratedNotes {
		return "", true, nil
	}
	text, err = r.readNotes(d, d.GitHub.Notes)
	return text, false, err
}

// readNotes returns the content of file, which has the text of a release. If file is empty, it returns "".
func (r *Release) readNotes(d config.Destination, file string) (string, error) {
	if file == "" {
		return "", nil
	}
	raw, err := regular.ReadFile(r.path(file))
	if err != nil {
		return "", usage.Wrap(fmt.Errorf("%s: reading the notes: %w", d.Position, err))
	}
	return string(raw), nil
}
