package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/google/go-github/v84/github"

	"github.com/slipway-build/slipway/internal/fileop"
)

// CheckDirectory returns an error if Copy could not write to dir. It only creates a temporary file,
// in dir or in its nearest existing parent.
func CheckDirectory(dir string) error {
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case err != nil && filepath.Dir(at) != at:
			continue // it is missing, or its parent explains why it is unreachable
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%s is not a folder", at)
		}
		file, err := os.CreateTemp(at, ".slipway-*.tmp")
		if err != nil {
			return fmt.Errorf("%s is not writable: %w", at, err)
		}
		return errors.Join(file.Close(), fileop.Remove(file.Name()))
	}
}

// Check returns errors for everything that would stop Publish and can be detected without a change: files that GitHub
// refuses or renames, a token that is missing or without write access, a tag at another commit, too many assets, and,
// unless o.Replace, assets of a published release that differ from files.
func (g GitHub) Check(ctx context.Context, files []string, o Options) error {
	where := fmt.Sprintf("release %s of %s/%s", o.Tag, g.Owner, g.Repo)
	all, wrong := checkFiles(files)
	p, err := g.publisher(o)
	if err == nil {
		err = p.check(ctx, all)
	}
	if err = errors.Join(wrong, err); err != nil {
		return fmt.Errorf("%s: %w", where, redacted(err, g.Token))
	}
	return nil
}

// A State is what GitHub has of a release.
type State struct {
	URL              string
	Draft, Immutable bool
	// Assets is their number.
	Assets int
}

// Examine is Check without files. It also returns the release that exists, or nil.
func (g GitHub) Examine(ctx context.Context, o Options) (*State, error) {
	where := fmt.Sprintf("release %s of %s/%s", o.Tag, g.Owner, g.Repo)
	p, err := g.publisher(o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	release, err := p.lookUp(ctx)
	if err != nil {
		err = fmt.Errorf("%s: %w", where, redacted(err, g.Token))
	}
	if release == nil {
		return nil, err
	}
	return &State{URL: release.GetHTMLURL(), Draft: release.GetDraft(), Immutable: release.GetImmutable(), Assets: len(release.Assets)}, err
}

func (p *publisher) check(ctx context.Context, all []artifact) error {
	release, err := p.lookUp(ctx)
	if release == nil || err != nil {
		return err
	}
	there, err := p.assets(ctx, release)
	if err != nil {
		return err
	}
	errs := []error{checkAssetCount(there, all)}
	for _, a := range all {
		if p.refusal(release, there[a.name], a, "") == nil {
			continue
		}
		sum, err := digestOf(ctx, a.path)
		if wrong := differs(there[a.name], a, sum); err == nil && wrong != "" {
			err = p.refusal(release, there[a.name], a, wrong)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// lookUp returns the release for the tag, or nil. It is an error if the tag is at another commit, or the token may not
// write.
func (p *publisher) lookUp(ctx context.Context) (release *github.RepositoryRelease, err error) {
	err = p.task(ctx, "look up "+p.options.Tag, func(ctx context.Context) (err error) {
		if release, err = p.find(ctx); err != nil {
			return err
		}
		return errors.Join(p.checkTag(ctx), p.mayWrite(ctx))
	})
	return release, err
}

// mayWrite requests generated release notes, which needs write access but writes nothing
// (https://docs.github.com/rest/releases/releases#generate-release-notes-content-for-a-release).
// Servers that do not support the request, or refuse its content, are inconclusive.
func (p *publisher) mayWrite(ctx context.Context) error {
	_, _, err := p.api.Repositories.GenerateReleaseNotes(ctx, p.Owner, p.Repo, p.notesOptions())
	if hasStatus(err, http.StatusUnauthorized) || hasStatus(err, http.StatusForbidden) {
		return fmt.Errorf("checking write access: %w%s", err, hint(err))
	}
	return nil
}

// refusal returns an error if an asset with the difference wrong must not be replaced in the release.
func (p *publisher) refusal(release *github.RepositoryRelease, there *github.ReleaseAsset, a artifact, wrong string) error {
	switch {
	case release.GetDraft():
		return nil
	case release.GetImmutable():
		return fmt.Errorf("%s: the release is published and cannot be changed (immutable), but %s: choose another tag", a.name, wrong)
	case there.GetState() == uploaded && !p.options.Replace:
		return fmt.Errorf("%s: the release is already published, and there %s: choose another tag, or delete the asset", a.name, wrong)
	}
	return nil
}
