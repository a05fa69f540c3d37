package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v84/github"
	"github.com/minio/minio-go/v7"
)

// An Address function returns the URL of a file of a published release. The URL is all that is needed to read the file,
// by ranges, too, but it may contain a secret, and may be valid for some minutes only. The error is fs.ErrNotExist if the
// release does not have the file.
type Address func(ctx context.Context, name string) (string, error)

// ErrNotPublished means that a destination does not have a release.
var ErrNotPublished = errors.New("it is not published there")

// Find finds the assets of the published release for a tag. The error is ErrNotPublished if there is none, or only a draft.
// Without a token, only the releases of public repositories are found.
func (g GitHub) Find(ctx context.Context, tag string) (Address, error) {
	g.Token = strings.TrimSpace(g.Token)
	api, err := g.client()
	if err != nil {
		return nil, err
	}
	p := &publisher{GitHub: g, options: Options{Tag: tag}, api: api}
	var release *github.RepositoryRelease
	err = p.task(ctx, "find release "+tag, func(ctx context.Context) (err error) {
		release, _, err = p.api.Repositories.GetReleaseByTag(ctx, p.Owner, p.Repo, tag)
		return err
	})
	switch {
	case hasStatus(err, http.StatusNotFound) && p.Token == "":
		return nil, fmt.Errorf("%w, or the repository is private: set GITHUB_TOKEN", ErrNotPublished)
	case hasStatus(err, http.StatusNotFound):
		return nil, ErrNotPublished
	case err != nil:
		return nil, fmt.Errorf("looking up release %s: %w", tag, redacted(err, p.Token))
	}
	there, err := p.assets(ctx, release)
	if err != nil {
		return nil, redacted(err, p.Token)
	}
	return func(ctx context.Context, name string) (string, error) {
		asset := there[name]
		if asset.GetState() != uploaded {
			return "", fmt.Errorf("asset %s: %w", name, fs.ErrNotExist)
		}
		if p.Token == "" {
			return asset.GetBrowserDownloadURL(), nil
		}
		return p.signedURL(ctx, asset)
	}, nil
}

// signedURL returns the URL to which GitHub redirects the download of an asset.
func (p *publisher) signedURL(ctx context.Context, asset *github.ReleaseAsset) (signed string, err error) {
	err = p.retry(ctx, func(ctx context.Context) error {
		content, redirect, err := p.api.Repositories.DownloadReleaseAsset(ctx, p.Owner, p.Repo, asset.GetID(), nil)
		if content != nil {
			content.Close()
			return errors.New("the server does not redirect the download")
		}
		signed = redirect
		return err
	})
	if err != nil {
		return "", fmt.Errorf("asset %s: %w", asset.GetName(), redacted(err, p.Token))
	}
	return signed, nil
}

// Find finds the files of the release for o.Tag in the package o.Package o.Version. The error is ErrNotPublished if there is
// no such release. Without a token, only the releases of public projects are found.
func (g GitLab) Find(ctx context.Context, o GitLabOptions) (Address, error) {
	g.Token, g.JobToken = strings.TrimSpace(g.Token), strings.TrimSpace(g.JobToken)
	p := &gitlabPublisher{g, o, g.api()}
	release, err := p.release(ctx)
	if err != nil {
		return nil, g.redacted(err)
	}
	switch {
	case release == nil && p.api.token == "":
		return nil, fmt.Errorf("%w, or the project is private: set GITLAB_TOKEN", ErrNotPublished)
	case release == nil:
		return nil, ErrNotPublished
	}
	there, err := p.packageFiles(ctx)
	if err != nil {
		return nil, g.redacted(err)
	}
	return func(_ context.Context, name string) (string, error) {
		if _, ok := there[name]; !ok {
			return "", fmt.Errorf("file %s of the package %s %s: %w", name, o.Package, o.Version, fs.ErrNotExist)
		}
		address, err := url.Parse(p.address(artifact{name: name}))
		if err != nil {
			return "", err
		}
		address.User = g.userInfo()
		return address.String(), nil
	}, nil
}

// userInfo returns the token as the user of a URL, which downloads of packages accept
// (https://docs.gitlab.com/user/packages/generic_packages/#http-basic-authentication), or nil.
func (g GitLab) userInfo() *url.Userinfo {
	switch {
	case g.Token != "":
		return url.UserPassword("slipway", g.Token) // GitLab ignores the name
	case g.JobToken != "":
		return url.UserPassword("gitlab-ci-token", g.JobToken)
	}
	return nil
}

// Find finds objects below a prefix, by the names of files: key returns the key of an object. The error is ErrNotPublished
// if there are none.
func (s S3) Find(ctx context.Context, prefix string, key func(name string) string) (Address, error) {
	b, err := s.open(ctx, nil)
	if err != nil {
		return nil, err
	}
	listing, stop := context.WithCancel(ctx)
	defer stop()
	first, found := <-b.api.ListObjects(listing, b.Bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, MaxKeys: 1})
	if first.Err != nil {
		return nil, fmt.Errorf("listing the objects: %w%s", first.Err, s3Hint(first.Err))
	}
	if !found {
		return nil, ErrNotPublished
	}
	return func(ctx context.Context, name string) (string, error) {
		_, err := b.api.StatObject(ctx, b.Bucket, key(name), minio.StatObjectOptions{})
		if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
			return "", fmt.Errorf("object %s: %w", key(name), fs.ErrNotExist)
		}
		if err != nil {
			return "", fmt.Errorf("looking up %s: %w%s", key(name), err, s3Hint(err))
		}
		signed, err := b.api.PresignedGetObject(ctx, b.Bucket, key(name), 12*time.Hour, nil) // enough for the largest archive
		if err != nil {
			return "", fmt.Errorf("signing the address of %s: %w", key(name), err)
		}
		return signed.String(), nil
	}, nil
}
