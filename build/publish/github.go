package publish

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/go-github/v84/github"

	"github.com/slipway-build/slipway/progress"
)

// A GitHub is a repository on GitHub, or on a GitHub Enterprise Server.
type GitHub struct {
	// Owner and Repo identify the repository, as in github.com/Owner/Repo.
	Owner, Repo string
	// Token needs write access to the repository's contents. Errors never contain it.
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
	// Commit is the full hash of the commit of the tag. If it is empty, a new tag is created at the default branch, and
	// an existing one may be at any commit.
	Commit string
	// Notes is the text of the release, in Markdown, with at most 125,000 characters. A draft keeps an existing title
	// or text, since a person may have written them.
	Notes string
	// GenerateNotes makes GitHub write the text if Notes is empty.
	GenerateNotes bool
	// Draft keeps the release a draft.
	Draft bool
	// Prerelease marks the release as not ready for production.
	Prerelease bool
	// Latest is whether a release becomes the latest, unless it is a pre-release: "true" or "false". If it is empty,
	// GitHub determines that by version, so that a release of an old branch does not become the latest.
	Latest string
	// Discussion is the category of the discussion that GitHub starts when the release is published. If it is empty,
	// GitHub starts none.
	Discussion string
	// Replace allows replacing a different asset in a published release.
	Replace bool
}

// Publish uploads files as the assets of the release for o.Tag, and returns the address of its web page. It creates or
// finds a draft, uploads all assets, and then publishes it, unless o.Draft.
//
// Publish may be repeated. Assets with the right name, size and, if GitHub reports it, SHA-256 are kept. Assets with an
// interrupted upload and, in a draft, different ones are deleted and sent again. In a published release, missing assets
// are added, and a different one is an error, unless o.Replace. Assets that are not among files are kept.
//
// It is an error if the tag exists at another commit than o.Commit. Before anything is sent, files are checked as by
// Check.
func (g GitHub) Publish(ctx context.Context, files []string, o Options) (string, error) {
	where := fmt.Sprintf("release %s of %s/%s", o.Tag, g.Owner, g.Repo)
	all, err := checkFiles(files)
	p, wrong := g.publisher(o)
	if err := errors.Join(err, wrong); err != nil {
		return "", fmt.Errorf("%s: %w", where, err)
	}
	address, err := p.publish(ctx, all)
	if err != nil {
		return "", fmt.Errorf("%s: %w", where, redacted(err, g.Token))
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
	if n := utf8.RuneCountInString(o.Notes); n > maxNotes {
		errs = append(errs, fmt.Errorf("the notes have %d characters, but GitHub allows at most %d", n, maxNotes))
	}
	api, err := g.client()
	return &publisher{GitHub: g, options: o, api: api}, errors.Join(append(errs, err)...)
}

// client returns a client of the API. It sends the token, if there is one.
func (g GitHub) client() (*github.Client, error) {
	client := g.Client
	if client == nil {
		client = patientClient()
	}
	api := github.NewClient(client)
	if g.Token != "" {
		api = api.WithAuthToken(g.Token)
	}
	api.DisableRateLimitCheck = true // retry waits; the client would only fail sooner
	if g.BaseURL != "" {
		base, err := url.Parse(strings.TrimSuffix(g.BaseURL, "/") + "/")
		if err != nil {
			return nil, fmt.Errorf("address of the API: %w", err)
		}
		api.BaseURL = base
	}
	return api, nil
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
			return "", err
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

// untrusted is a hint for a certificate that is not trusted.
const untrusted = ": its certificate is signed by a CA that is not trusted here: name the CA's file in SSL_CERT_FILE, or add it to the store of Windows"

// hint returns an explanation of an error for which GitHub gives none, or "".
func hint(err error) string {
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return untrusted
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
