package publish

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v84/github"

	"github.com/slipway-build/slipway/progress"
)

// A GitHub is a repository on GitHub, or on a GitHub Enterprise Server.
type GitHub struct {
	// Owner and Repo name it, as in github.com/Owner/Repo.
	Owner, Repo string
	// Token needs write access to the repository's contents. It appears in no error.
	Token string
	// BaseURL is the address of the API, such as https://github.example.com/api/v3; empty means
	// https://api.github.com.
	BaseURL string
	// Client sends the requests; nil means a client that gives up after some minutes without a
	// response.
	Client *http.Client

	// pause waits before a retry; nil means to wait for the given time.
	pause func(context.Context, time.Duration) error
}

// Options describe a release.
type Options struct {
	// Tag is the release's git tag. GitHub creates it, at Commit, if it does not exist.
	Tag string
	// Name is the title; empty means the tag.
	Name string
	// Commit is the full name of the commit of the tag; empty means the default branch for a new tag, and any commit for
	// an existing one.
	Commit string
	// Notes are the text, in Markdown. A draft keeps an existing title or text, since a person may
	// have written them.
	Notes string
	// Draft keeps the release a draft.
	Draft bool
	// Prerelease marks the release as not ready for production. GitHub determines by version which
	// of the other releases is the latest, so that a release of an old branch is not.
	Prerelease bool
	// Replace allows replacing a different asset in a published release.
	Replace bool
}

// Publish makes files the assets of the release for o.Tag, and returns the address of its web page.
// It creates or finds a draft, uploads all assets, and then publishes it, unless o.Draft.
//
// Publish may be repeated: assets with the right name, size and, if GitHub reports it, SHA-256 are
// kept. Assets with an interrupted upload and, in a draft, different ones are deleted and sent
// again. In a published release, missing assets are added, and a different one is an error, unless
// o.Replace. Assets that are not among files are kept.
//
// A tag that exists at another commit than o.Commit is an error. Before anything is sent, files are
// checked as by Check.
func (g GitHub) Publish(ctx context.Context, files []string, o Options) (string, error) {
	where := fmt.Sprintf("release %s of %s/%s", o.Tag, g.Owner, g.Repo)
	all, err := checkFiles(files)
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
		errs = append(errs, errors.New("missing token: set GITHUB_TOKEN to one with write access to the repository's contents"))
	}
	if o.Tag == "" {
		errs = append(errs, errors.New("missing tag of the release"))
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

// patientClient returns a client that waits for a server to store 2 GiB, but not forever.
func patientClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 5 * time.Minute
	return &http.Client{Transport: transport}
}

func (p *publisher) publish(ctx context.Context, all []artifact) (string, error) {
	var release *github.RepositoryRelease
	err := p.task(ctx, "find or draft "+p.options.Tag, func(ctx context.Context) (err error) {
		if err := p.checkTag(ctx); err != nil {
			return err
		}
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
			return "", fmt.Errorf("publishing the completed draft: %w%s", err, hint(err))
		}
	}
	return release.GetHTMLURL(), nil
}

// task runs work as a task, with retries.
func (p *publisher) task(ctx context.Context, name string, work func(context.Context) error) error {
	task := progress.Start(ctx, name)
	err := p.retry(ctx, work)
	task.Done(err)
	return err
}

// findOrCreate returns the release for the tag, or a new draft. It searches again in each attempt,
// since a failed request may have been executed.
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

// find returns the release for the tag: a published one, else the oldest draft, since two
// concurrent runs may have created one each. It returns nil if there is none. Only the list
// contains drafts; a tag refers to published releases only.
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

// hint explains errors that GitHub does not.
func hint(err error) string {
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return ": its certificate is signed by a CA that is not trusted here: name the CA's file in SSL_CERT_FILE, or add it to the store of Windows"
	}
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
