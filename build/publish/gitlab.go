package publish

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/slipway-build/slipway/progress"
)

// A GitLab is a project on gitlab.com, or on another GitLab.
type GitLab struct {
	// Project is its path, such as group/name.
	Project string
	// Token needs the scope api. If it is empty, JobToken is used, the CI_JOB_TOKEN of a job. Errors contain neither.
	Token, JobToken string
	// BaseURL is the address of the API, such as https://gitlab.example.com/api/v4. Empty means gitlab.com.
	BaseURL string

	// pause waits before a retry; nil means to wait for the given time.
	pause func(context.Context, time.Duration) error
}

// GitLabOptions describe a release on GitLab.
type GitLabOptions struct {
	// Tag is the release's git tag. GitLab creates it, at Commit, if it does not exist. If Commit is empty, the tag
	// must exist, and may be at any commit.
	Tag, Commit string
	// Name is the title, and Notes is the text, in Markdown. An existing release keeps both.
	Name, Notes string
	// Package and Version identify the generic package with the files.
	Package, Version string
	// Replace allows replacing files with other content.
	Replace bool
}

// Check returns errors for everything that would stop Publish and can be detected without a change.
func (g GitLab) Check(ctx context.Context, files []string, o GitLabOptions) error {
	p, all, err := g.open(files, o)
	if err == nil {
		_, _, err = p.compare(ctx, all)
	}
	return g.where(o, err)
}

// Examine returns the number of files that the package has. Like Check, it returns an error if the project cannot be read
// with the token, or if the tag is at another commit. GitLab does not say whether a token may write.
func (g GitLab) Examine(ctx context.Context, o GitLabOptions) (files int, err error) {
	p, _, err := g.open(nil, o)
	if err == nil {
		var there map[string]gitlabPackageFile
		there, _, err = p.compare(ctx, nil)
		files = len(there)
	}
	return files, g.where(o, err)
}

// Publish uploads files to a generic package, and then links them in the release for o.Tag, which it creates if
// necessary. It returns the address of the release.
//
// Publish may be repeated. Files in the package with the same SHA-256 are kept. A file with other content is an error,
// unless o.Replace. Publish adds the links that an existing release lacks.
func (g GitLab) Publish(ctx context.Context, files []string, o GitLabOptions) (string, error) {
	p, all, err := g.open(files, o)
	if err != nil {
		return "", g.where(o, err)
	}
	address, err := p.publish(ctx, all)
	return address, g.where(o, err)
}

// where adds the release to an error, and removes the token.
func (g GitLab) where(o GitLabOptions, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("release %s of %s: %w", o.Tag, g.Project, g.redacted(err))
}

// redacted removes the tokens from an error.
func (g GitLab) redacted(err error) error { return redacted(redacted(err, g.Token), g.JobToken) }

// gitlabName matches the names of files and packages that GitLab allows
// (https://docs.gitlab.com/user/packages/generic_packages/#publish-a-single-file).
var gitlabName = regexp.MustCompile(`^[0-9A-Za-z_.+-][0-9A-Za-z_.+@~-]*$`)

// A gitlabPublisher publishes one release.
type gitlabPublisher struct {
	GitLab
	options GitLabOptions
	api     *gitlabAPI
}

func (g GitLab) open(files []string, o GitLabOptions) (*gitlabPublisher, []artifact, error) {
	all, err := artifacts(files)
	errs := []error{err}
	for _, a := range all {
		if !gitlabName.MatchString(a.name) {
			errs = append(errs, fmt.Errorf("%s: GitLab does not allow the name: want letters, digits, and . _ + - @ or ~", a.path))
		}
	}
	if o.Tag == "" {
		errs = append(errs, errors.New("missing tag of the release"))
	}
	g.Token, g.JobToken = strings.TrimSpace(g.Token), strings.TrimSpace(g.JobToken)
	if g.Token == "" && g.JobToken == "" {
		errs = append(errs, errors.New("missing token: set GITLAB_TOKEN to one with the scope api, or run in a job of GitLab CI"))
	}
	return &gitlabPublisher{g, o, g.api()}, all, errors.Join(errs...)
}

// retry calls work until it succeeds, or fails permanently.
func (p *gitlabPublisher) retry(ctx context.Context, work func(context.Context) error) error {
	return retry(ctx, p.pause, work)
}

// release returns the release for the tag, or nil.
func (p *gitlabPublisher) release(ctx context.Context) (*gitlabRelease, error) {
	var release *gitlabRelease
	err := p.retry(ctx, func(ctx context.Context) error {
		_, err := p.api.get(ctx, p.api.at("releases", p.options.Tag), &release)
		return err
	})
	switch {
	case hasGitLabStatus(err, http.StatusNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("looking up the release: %w%s", err, gitlabHint(err))
	}
	return release, nil
}

// checkTag returns an error if the tag exists at another commit. A job's token may not read tags, but it may read the
// commit of a release.
func (p *gitlabPublisher) checkTag(ctx context.Context) error {
	if p.options.Commit == "" {
		return nil
	}
	if p.Token == "" {
		release, err := p.release(ctx)
		if err == nil && release != nil {
			err = p.checkCommit(release.Commit)
		}
		return err
	}
	var tag gitlabTag
	err := p.retry(ctx, func(ctx context.Context) error {
		_, err := p.api.get(ctx, p.api.at("repository", "tags", p.options.Tag), &tag)
		return err
	})
	switch {
	case hasGitLabStatus(err, http.StatusNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("looking up tag %s: %w%s", p.options.Tag, err, gitlabHint(err))
	}
	return p.checkCommit(tag.Commit)
}

// checkCommit returns an error if GitLab reports another commit.
func (p *gitlabPublisher) checkCommit(at gitlabCommit) error {
	if at.ID == "" || p.options.Commit == "" || at.ID == p.options.Commit {
		return nil
	}
	return elsewhere(p.options.Tag, at.ID, p.options.Commit)
}

// compare returns the files in the package by name, and the digests of all artifacts. The error lists the files that
// have other content in the package, unless they may be replaced.
func (p *gitlabPublisher) compare(ctx context.Context, all []artifact) (map[string]gitlabPackageFile, []digest, error) {
	task := progress.Start(ctx, "look up "+p.options.Tag)
	there, digests, err := p.lookUp(ctx, all)
	task.Done(err)
	return there, digests, err
}

func (p *gitlabPublisher) lookUp(ctx context.Context, all []artifact) (map[string]gitlabPackageFile, []digest, error) {
	if err := p.checkTag(ctx); err != nil {
		return nil, nil, err
	}
	there, err := p.packageFiles(ctx)
	if err != nil {
		return nil, nil, err
	}
	digests := make([]digest, len(all))
	var errs []error
	for i, a := range all {
		if digests[i], err = digestOf(ctx, a.path); err != nil {
			errs = append(errs, err)
			continue
		}
		if f, ok := there[a.name]; ok && !p.options.Replace && "sha256:"+f.SHA256 != digests[i].String() {
			errs = append(errs, fmt.Errorf("%s: the package %s %s has it with sha256:%s, want %s: choose another version, delete the file, or allow replacing it (--force, environment FORCE, or force: true)",
				a.name, p.options.Package, p.options.Version, f.SHA256, digests[i]))
		}
	}
	return there, digests, errors.Join(errs...)
}

// hasGitLabStatus reports whether err is a response of GitLab with the status.
func hasGitLabStatus(err error, status int) bool {
	var refused *gitlabError
	return errors.As(err, &refused) && refused.StatusCode == status
}

// gitlabHint returns an explanation of an error for which GitLab gives none, or "".
func gitlabHint(err error) string {
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &unknown):
		return untrusted
	case hasGitLabStatus(err, http.StatusUnauthorized):
		return ": the token is wrong or has expired"
	case hasGitLabStatus(err, http.StatusForbidden), hasGitLabStatus(err, http.StatusNotFound):
		return ": is the project's path right, and does the token have the scope api, and the role Developer at least?"
	}
	return ""
}
