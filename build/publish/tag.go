package publish

import (
	"context"
	"fmt"
	"net/http"
)

// checkTag returns an error if the release's tag exists at another commit than options.Commit, or does not exist and
// cannot be created there. It sends only reads.
func (p *publisher) checkTag(ctx context.Context) error {
	if p.options.Commit == "" {
		return nil
	}
	at, err := p.tagged(ctx)
	if err != nil {
		return fmt.Errorf("looking up tag %s: %w%s", p.options.Tag, err, hint(err))
	}
	if at == p.options.Commit {
		return nil
	}
	if at != "" {
		return elsewhere(p.options.Tag, at, p.options.Commit)
	}
	_, _, err = p.api.Git.GetCommit(ctx, p.Owner, p.Repo, p.options.Commit)
	if hasStatus(err, http.StatusNotFound) || hasStatus(err, http.StatusUnprocessableEntity) {
		return fmt.Errorf("tag %s cannot be created, since commit %s does not exist there: push it first", p.options.Tag, p.options.Commit)
	}
	if err != nil {
		return fmt.Errorf("looking up commit %s: %w%s", p.options.Commit, err, hint(err))
	}
	return nil
}

// elsewhere is the error for a tag at another commit than the release.
func elsewhere(tag, at, commit string) error {
	return fmt.Errorf("tag %s already exists there at commit %s, but this release is of commit %s: release it under another version, or check out the tagged commit", tag, at, commit)
}

// tagged returns the commit of the release's tag, or "" if the tag does not exist. An annotated tag refers to an object
// with the commit.
func (p *publisher) tagged(ctx context.Context) (string, error) {
	ref, _, err := p.api.Git.GetRef(ctx, p.Owner, p.Repo, "tags/"+p.options.Tag)
	if hasStatus(err, http.StatusNotFound) || hasStatus(err, http.StatusConflict) { // 409: an empty repository
		return "", nil
	}
	if err != nil {
		return "", err
	}
	object := ref.GetObject()
	for object.GetType() == "tag" {
		tag, _, err := p.api.Git.GetTag(ctx, p.Owner, p.Repo, object.GetSHA())
		if err != nil {
			return "", err
		}
		object = tag.GetObject()
	}
	return object.GetSHA(), nil
}
