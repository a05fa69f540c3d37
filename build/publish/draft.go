package publish

import (
	"cmp"
	"context"
	"fmt"
	"net/http"

	"github.com/google/go-github/v84/github"
)

// findOrCreate returns the release for the tag, or a new draft. It searches again in each attempt,
// since a failed request may have been executed.
func (p *publisher) findOrCreate(ctx context.Context) (*github.RepositoryRelease, error) {
	found, err := p.find(ctx)
	if found != nil || err != nil {
		return found, err
	}
	o := p.options
	notes, err := p.notes(ctx)
	if err != nil {
		return nil, err
	}
	draft := &github.RepositoryRelease{
		TagName: github.Ptr(o.Tag), Name: github.Ptr(cmp.Or(o.Name, o.Tag)), Body: github.Ptr(notes),
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

// find returns the release for the tag: a published one, else the oldest draft, since two concurrent runs may have
// created one each. If the tag has no release, it returns nil. It reads the list of releases, because a request by tag
// does not return drafts.
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

// notes returns the text of the release.
func (p *publisher) notes(ctx context.Context) (string, error) {
	if p.options.Notes != "" || !p.options.GenerateNotes {
		return p.options.Notes, nil
	}
	generated, _, err := p.api.Repositories.GenerateReleaseNotes(ctx, p.Owner, p.Repo, p.notesOptions())
	if err != nil {
		return "", fmt.Errorf("generating the notes: %w%s", err, hint(err))
	}
	return generated.Body, nil
}

// notesOptions returns the options for generated notes. The tag may not exist yet.
func (p *publisher) notesOptions() *github.GenerateNotesOptions {
	options := &github.GenerateNotesOptions{TagName: p.options.Tag}
	if p.options.Commit != "" {
		options.TargetCommitish = github.Ptr(p.options.Commit)
	}
	return options
}

// undraft publishes the draft. GitHub creates the tag, unless it exists.
func (p *publisher) undraft(ctx context.Context, draft *github.RepositoryRelease) (*github.RepositoryRelease, error) {
	o := p.options
	change := &github.RepositoryRelease{TagName: github.Ptr(o.Tag), Draft: github.Ptr(false)}
	if o.Commit != "" {
		change.TargetCommitish = github.Ptr(o.Commit)
	}
	if draft.GetName() == "" {
		change.Name = github.Ptr(cmp.Or(o.Name, o.Tag))
	}
	if draft.GetBody() == "" {
		notes, err := p.notes(ctx)
		if err != nil {
			return nil, err
		}
		change.Body = github.Ptr(notes)
	}
	if o.Discussion != "" {
		change.DiscussionCategoryName = github.Ptr(o.Discussion)
	}
	p.rank(change, o.Prerelease)
	published, _, err := p.api.Repositories.EditRelease(ctx, p.Owner, p.Repo, draft.GetID(), change)
	if err == nil {
		return published, nil
	}
	why := hint(err)
	if o.Discussion != "" && (hasStatus(err, http.StatusNotFound) || hasStatus(err, http.StatusUnprocessableEntity)) {
		why = fmt.Sprintf(": does the repository have discussions, and the category %q?", o.Discussion)
	}
	return nil, fmt.Errorf("publishing the completed draft: %w%s", err, why)
}

// rank sets whether a release is a pre-release and, if it is not, whether it is the latest.
func (p *publisher) rank(change *github.RepositoryRelease, prerelease bool) {
	change.Prerelease = github.Ptr(prerelease)
	if !prerelease {
		change.MakeLatest = github.Ptr(cmp.Or(p.options.Latest, "legacy")) // legacy: by date and version
	}
}
