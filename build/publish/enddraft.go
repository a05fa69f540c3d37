package publish

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/go-github/v84/github"
)

// A Rank is whether a release is a pre-release, or the latest. If a field is nil, Options determine it for a draft, and
// a published release keeps its value.
type Rank struct {
	Prerelease, Latest *bool
}

// Validate returns an error for a pre-release that is the latest.
func (r Rank) Validate() error {
	if r.isPrerelease(false) && r.isLatest() {
		return errors.New("a pre-release is never the latest release on GitHub: choose --prerelease or --latest")
	}
	return nil
}

func (r Rank) isLatest() bool { return r.Latest != nil && *r.Latest }

// isPrerelease returns the new value of a release's Prerelease, whose current value is is.
func (r Rank) isPrerelease(is bool) bool {
	if r.Prerelease != nil {
		return *r.Prerelease
	}
	return is && !r.isLatest()
}

// CheckDraft returns errors for everything that would stop EndDraft and can be detected without a change.
func (g GitHub) CheckDraft(ctx context.Context, files []string, o Options) error {
	_, err := g.draft(ctx, files, o, func(*publisher, *github.RepositoryRelease) error { return nil })
	return err
}

// EndDraft publishes the draft for o.Tag, and returns the address of its web page. All files must be assets of the
// draft, with the same size and, if GitHub reports it, SHA-256. If the release is already published, EndDraft only sets
// its rank.
func (g GitHub) EndDraft(ctx context.Context, files []string, o Options, rank Rank) (string, error) {
	o.Prerelease = rank.isPrerelease(o.Prerelease)
	if rank.Latest != nil {
		o.Latest = strconv.FormatBool(*rank.Latest)
	}
	return g.draft(ctx, files, o, func(p *publisher, release *github.RepositoryRelease) error {
		if !release.GetDraft() && rank == (Rank{}) {
			return nil
		}
		return p.task(ctx, "publish "+o.Tag, func(ctx context.Context) error {
			changed, err := p.end(ctx, release, rank)
			if err == nil {
				*release = *changed
			}
			return err
		})
	})
}

// draft calls do with the complete release for o.Tag, and returns the address of its web page.
func (g GitHub) draft(ctx context.Context, files []string, o Options, do func(*publisher, *github.RepositoryRelease) error) (string, error) {
	where := fmt.Sprintf("release %s of %s/%s", o.Tag, g.Owner, g.Repo)
	all, err := checkFiles(files)
	p, wrong := g.publisher(o)
	if err := errors.Join(err, wrong); err != nil {
		return "", fmt.Errorf("%s: %w", where, err)
	}
	release, err := p.complete(ctx, all)
	if err == nil {
		err = do(p, release)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", where, redacted(err, g.Token))
	}
	return release.GetHTMLURL(), nil
}

// complete returns the release for the tag. Its error lists the artifacts that are not its assets.
func (p *publisher) complete(ctx context.Context, all []artifact) (*github.RepositoryRelease, error) {
	var release *github.RepositoryRelease
	err := p.task(ctx, "look up "+p.options.Tag, func(ctx context.Context) (err error) {
		if release, err = p.find(ctx); err != nil {
			return err
		}
		return p.checkTag(ctx)
	})
	switch {
	case err != nil:
		return nil, err
	case release == nil:
		return nil, errors.New("neither a draft nor a release exists: run publish first")
	}
	there, err := p.assets(ctx, release)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, a := range all {
		sum, err := digestOf(ctx, a.path)
		if err == nil {
			if wrong := differs(there[a.name], a, sum); wrong != "" {
				err = fmt.Errorf("%s: %s: run publish first", a.name, wrong)
			}
		}
		errs = append(errs, err)
	}
	return release, errors.Join(errs...)
}

// end publishes a draft, or sets the rank of a published release.
func (p *publisher) end(ctx context.Context, release *github.RepositoryRelease, rank Rank) (*github.RepositoryRelease, error) {
	if release.GetDraft() {
		return p.undraft(ctx, release)
	}
	change := &github.RepositoryRelease{}
	p.rank(change, rank.isPrerelease(release.GetPrerelease()))
	changed, _, err := p.api.Repositories.EditRelease(ctx, p.Owner, p.Repo, release.GetID(), change)
	if err != nil {
		return nil, fmt.Errorf("changing the release: %w%s", err, hint(err))
	}
	return changed, nil
}
