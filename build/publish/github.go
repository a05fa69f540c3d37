package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v75/github"

	"github.com/slipway-build/slipway/progress"
)

// A GitHub is a repository on GitHub, or on a GitHub Enterprise Server.
type GitHub struct {
	// Owner and Repo name it, as in github.com/Owner/Repo.
	Owner, Repo string
	// Token may write the repository's contents. It stands in no error.
	Token string
	// BaseURL is the API's address, such as https://github.example.com/api/v3; empty is
	// https://api.github.com.
	BaseURL string
	// Client makes the requests; nil means one that gives up when a server does not
	// answer for minutes.
	Client *http.Client

	// pause waits before a request is tried again; nil waits as long as it says.
	pause func(context.Context, time.Duration) error
}

// Options say what a release is.
type Options struct {
	// Tag is the release's git tag. GitHub makes it, at Commit, if there is none.
	Tag string
	// Name is the title; empty is the tag.
	Name string
	// Commit is what a new tag is put on; empty is the default branch.
	Commit string
	// Notes are the text, in Markdown. A draft that has a title or a text keeps them,
	// since somebody may have written them.
	Notes string
	// Draft leaves the release a draft.
	Draft bool
	// Prerelease marks the release as not ready for production. Which of the others is
	// the latest is GitHub's choice, by version, so that a release of an old branch is not.
	Prerelease bool
	// Replace lets an asset that differs be replaced in a release that is published.
	Replace bool
}

// Publish makes files the assets of the release for o.Tag, and returns its address
// for people. The release is a draft, which is created or found, until all assets
// are there; then it is published, unless o.Draft.
//
// Publish may be repeated: assets with the right name, size and, where GitHub tells it,
// SHA-256 stay; those whose upload broke off and, in a draft, those that differ are
// deleted and sent again. In a release that is published already, missing assets are
// added, and one that differs is an error, unless o.Replace. Assets that are not among
// files stay.
//
// Before anything is sent, files are checked as by CheckGitHub.
func (g GitHub) Publish(ctx context.Context, files []string, o Options) (string, error) {
	where := fmt.Sprintf("release %s of %s/%s", o.Tag, g.Owner, g.Repo)
	all, err := checkGitHub(files)
	if err != nil {
		return "", fmt.Errorf("%s: %w", where, err)
	}
	p, err := g.publisher(o)
	if err != nil {
		return "", fmt.Errorf("%s: %w", where, err)
	}
	address, err := p.publish(ctx, all)
	if err != nil {
		return "", fmt.Errorf("%s: %w", where, g.redacted(err))
	}
	return address, nil
}

// A publisher publishes one release.
type publisher struct {
	GitHub
	options Options
	api     *github.Client
}

func (g GitHub) publisher(o Options) (*publisher, error) {
	g.Token = strings.TrimSpace(g.Token)
	var errs []error
	if g.Owner == "" || g.Repo == "" || strings.Contains(g.Owner+g.Repo, "/") {
		errs = append(errs, fmt.Errorf("repository %s/%s: want owner/name", g.Owner, g.Repo))
	}
	if g.Token == "" {
		errs = append(errs, errors.New("there is no token: give GITHUB_TOKEN one that may write the repository's contents"))
	}
	if o.Tag == "" {
		errs = append(errs, errors.New("the release has no tag"))
	}
	client := g.Client
	if client == nil {
		client = patientClient()
	}
	api := github.NewClient(client).WithAuthToken(g.Token)
	api.DisableRateLimitCheck = true // retry waits; the client would only fail sooner
	if g.BaseURL != "" {
		base, err := url.Parse(strings.TrimSuffix(g.BaseURL, "/") + "/")
		if err != nil {
			errs = append(errs, fmt.Errorf("address of the API: %w", err))
		}
		api.BaseURL = base
	}
	return &publisher{GitHub: g, options: o, api: api}, errors.Join(errs...)
}

// patientClient is a client that waits for a server to store 2 GiB, but not for ever.
func patientClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 5 * time.Minute
	return &http.Client{Transport: transport}
}

func (p *publisher) publish(ctx context.Context, all []artifact) (string, error) {
	var release *github.RepositoryRelease
	err := p.task(ctx, "find or draft "+p.options.Tag, func(ctx context.Context) (err error) {
		release, err = p.findOrCreate(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	if err := p.uploadAll(ctx, release, all); err != nil {
		return "", err
	}
	if !p.options.Draft && release.GetDraft() {
		draft := release
		err := p.task(ctx, "publish "+p.options.Tag, func(ctx context.Context) (err error) {
			release, err = p.undraft(ctx, draft)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("publishing the draft, which is complete: %w%s", err, hint(err))
		}
	}
	return release.GetHTMLURL(), nil
}

// task runs work as a task, again and again if need be.
func (p *publisher) task(ctx context.Context, name string, work func(context.Context) error) error {
	task := progress.Start(ctx, name)
	err := p.retry(ctx, work)
	task.Done(err)
	return err
}

// findOrCreate returns the release for the tag, or a new draft. It looks again each
// time, since a request that failed may have been carried out.
func (p *publisher) findOrCreate(ctx context.Context) (*github.RepositoryRelease, error) {
	found, err := p.find(ctx)
	if found != nil || err != nil {
		return found, err
	}
	o := p.options
	draft := &github.RepositoryRelease{
		TagName: github.Ptr(o.Tag), Name: github.Ptr(cmp.Or(o.Name, o.Tag)), Body: github.Ptr(o.Notes),
		Draft: github.Ptr(true), Prerelease: github.Ptr(o.Prerelease),
	}
	if o.Commit != "" {
		draft.TargetCommitish = github.Ptr(o.Commit)
	}
	created, _, err := p.api.Repositories.CreateRelease(ctx, p.Owner, p.Repo, draft)
	if err != nil {
		return nil, fmt.Errorf("creating the draft: %w%s", err, hint(err))
	}
	return created, nil
}

// find returns the release for the tag: one that is published, else the first draft
// that was made, since two runs at once may have made one each. It is nil if there
// is none. Only the list has drafts; a tag has none before its release is published.
func (p *publisher) find(ctx context.Context) (*github.RepositoryRelease, error) {
	var found *github.RepositoryRelease
	page := &github.ListOptions{PerPage: 100}
	for {
		releases, response, err := p.api.Repositories.ListReleases(ctx, p.Owner, p.Repo, page)
		if err != nil {
			return nil, fmt.Errorf("listing releases: %w%s", err, hint(err))
		}
		for _, r := range releases {
			if r.GetTagName() != p.options.Tag {
				continue
			}
			if !r.GetDraft() {
				return r, nil
			}
			if found == nil || r.GetID() < found.GetID() {
				found = r
			}
		}
		if response.NextPage == 0 {
			return found, nil
		}
		page.Page = response.NextPage
	}
}

// undraft publishes the draft.
func (p *publisher) undraft(ctx context.Context, draft *github.RepositoryRelease) (*github.RepositoryRelease, error) {
	o := p.options
	change := &github.RepositoryRelease{
		TagName: github.Ptr(o.Tag), Draft: github.Ptr(false), Prerelease: github.Ptr(o.Prerelease),
	}
	if o.Commit != "" {
		change.TargetCommitish = github.Ptr(o.Commit)
	}
	if draft.GetName() == "" {
		change.Name = github.Ptr(cmp.Or(o.Name, o.Tag))
	}
	if draft.GetBody() == "" {
		change.Body = github.Ptr(o.Notes)
	}
	if !o.Prerelease {
		change.MakeLatest = github.Ptr("legacy") // by date and version
	}
	published, _, err := p.api.Repositories.EditRelease(ctx, p.Owner, p.Repo, draft.GetID(), change)
	return published, err
}

// hint explains what GitHub leaves unsaid.
func hint(err error) string {
	var refused *github.ErrorResponse
	if !errors.As(err, &refused) || refused.Response == nil {
		return ""
	}
	switch refused.Response.StatusCode {
	case http.StatusUnauthorized:
		return ": the token is wrong or has expired"
	case http.StatusForbidden, http.StatusNotFound:
		return ": is the repository's name right, and may the token write its contents?"
	}
	return ""
}
