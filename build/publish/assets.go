package publish

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"

	"github.com/google/go-github/v84/github"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// uploadsAtOnce hides the delay that GitHub adds after each file, and stays below its secondary
// rate limits.
const uploadsAtOnce = 4

// uploaded is the state of a complete asset. After an interrupted upload, an asset stays a
// "starter": it occupies its name and cannot be downloaded.
const uploaded = "uploaded"

// uploadAll uploads all artifacts as assets of release, and then checks them.
func (p *publisher) uploadAll(ctx context.Context, release *github.RepositoryRelease, all []artifact) error {
	there, err := p.assets(ctx, release)
	if err != nil {
		return err
	}
	if err := checkAssetCount(there, all); err != nil {
		return err
	}
	digests := make([]digest, len(all))
	errs := make([]error, len(all))
	var group errgroup.Group
	group.SetLimit(uploadsAtOnce)
	for i, a := range all {
		group.Go(func() error {
			task := progress.Start(ctx, "upload "+a.name)
			digests[i], errs[i] = p.uploadOne(ctx, release, a, there[a.name], task)
			task.Done(errs[i])
			return nil
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if there, err = p.assets(ctx, release); err != nil {
		return err
	}
	for i, a := range all {
		if wrong := differs(there[a.name], a, digests[i]); wrong != "" {
			errs[i] = fmt.Errorf("%s was uploaded, but then %s", a.name, wrong)
		}
	}
	return errors.Join(errs...)
}

// checkAssetCount returns an error if the release would have too many assets.
func checkAssetCount(there map[string]*github.ReleaseAsset, all []artifact) error {
	count := len(there)
	for _, a := range all {
		if there[a.name] == nil {
			count++
		}
	}
	if count > maxAssets {
		return fmt.Errorf("it would have %d assets including existing ones, but GitHub allows at most %d: delete some", count, maxAssets)
	}
	return nil
}

// assets returns the assets of a release by name.
func (p *publisher) assets(ctx context.Context, release *github.RepositoryRelease) (there map[string]*github.ReleaseAsset, err error) {
	err = p.retry(ctx, func(ctx context.Context) (err error) {
		there, err = p.listAssets(ctx, release)
		return err
	})
	return there, err
}

// listAssets is assets without retries.
func (p *publisher) listAssets(ctx context.Context, release *github.RepositoryRelease) (map[string]*github.ReleaseAsset, error) {
	there := map[string]*github.ReleaseAsset{}
	page := &github.ListOptions{PerPage: 100}
	for {
		assets, response, err := p.api.Repositories.ListReleaseAssets(ctx, p.Owner, p.Repo, release.GetID(), page)
		if err != nil {
			return nil, fmt.Errorf("listing assets: %w", err)
		}
		for _, a := range assets {
			there[a.GetName()] = a
		}
		if response.NextPage == 0 {
			return there, nil
		}
		page.Page = response.NextPage
	}
}

// uploadOne uploads a and returns its digest. there is the existing asset with that name, or nil.
func (p *publisher) uploadOne(ctx context.Context, release *github.RepositoryRelease, a artifact, there *github.ReleaseAsset, task *progress.Task) (digest, error) {
	sum, err := digestOf(ctx, a.path)
	if err != nil {
		return sum, err
	}
	wrong := differs(there, a, sum)
	if wrong == "" {
		task.SetCached()
		return sum, nil
	}
	if err := p.refusal(release, there, a, wrong); err != nil {
		return sum, err
	}
	task.SetTotal(a.size)
	first := true
	err = p.retry(ctx, func(ctx context.Context) error {
		if !first { // a failed attempt may have left an asset, or succeeded
			all, err := p.listAssets(ctx, release)
			if err != nil {
				return err
			}
			there = all[a.name]
			if differs(there, a, sum) == "" {
				return nil
			}
		}
		first = false
		if there != nil {
			_, err := p.api.Repositories.DeleteReleaseAsset(ctx, p.Owner, p.Repo, there.GetID())
			if err != nil && !hasStatus(err, http.StatusNotFound) {
				return fmt.Errorf("deleting the existing asset: %w", err)
			}
		}
		return p.send(ctx, release, a, sum, task)
	})
	if err != nil {
		return sum, fmt.Errorf("uploading %s: %w", a.path, err)
	}
	return sum, nil
}

// send uploads a once.
func (p *publisher) send(ctx context.Context, release *github.RepositoryRelease, a artifact, sum digest, task *progress.Task) error {
	f, err := regular.Open(a.path)
	if err != nil {
		return err
	}
	defer f.Close()
	// The upload URL is a template (RFC 6570), of which only the name is needed.
	address, _, _ := strings.Cut(release.GetUploadURL(), "{")
	if address == "" {
		return errors.New("GitHub returned no upload URL")
	}
	body := &body{file: f, sum: sha256.New(), task: task}
	request, err := p.api.NewUploadRequest(address+"?name="+url.QueryEscape(a.name), body, a.size, mediaType(a.name))
	if err != nil {
		return err
	}
	asset := new(github.ReleaseAsset)
	if _, err := p.api.Do(ctx, request, asset); err != nil {
		task.Add(-int(body.read.Load())) // it will be read again
		return err
	}
	if n := body.read.Load(); n != a.size {
		return &brokenUpload{fmt.Sprintf("%d of %d bytes were read", n, a.size)}
	}
	if found := digest(body.sum.Sum(nil)); found != sum {
		return fmt.Errorf("it changed meanwhile: it was %s, but %s was sent", sum, found)
	}
	if asset.GetName() != a.name {
		return fmt.Errorf("GitHub changed its name to %s: rename the file", asset.GetName())
	}
	if wrong := differs(asset, a, sum); wrong != "" {
		task.Add(-int(a.size))
		return &brokenUpload{wrong}
	}
	return nil
}

// A body is the request body for a file. The client's goroutine may continue to read it after the
// response has arrived; sum is complete when read equals the file's size.
type body struct {
	file *os.File
	sum  hash.Hash
	task *progress.Task
	read atomic.Int64
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.file.Read(p)
	b.sum.Write(p[:n])
	b.task.Add(n)
	b.read.Add(int64(n))
	return n, err
}

// differs returns the difference between an asset and a, or "".
func differs(asset *github.ReleaseAsset, a artifact, sum digest) string {
	switch {
	case asset == nil:
		return "it is not there"
	case asset.GetState() != uploaded:
		return fmt.Sprintf("its upload is incomplete (%s)", asset.GetState())
	case int64(asset.GetSize()) != a.size:
		return fmt.Sprintf("it has %d bytes, want %d", asset.GetSize(), a.size)
	case asset.GetDigest() != "" && asset.GetDigest() != sum.String(): // older servers return none
		return fmt.Sprintf("it is %s, want %s", asset.GetDigest(), sum)
	}
	return ""
}

// mediaType returns the Content-Type for a file name. It does not depend on the MIME configuration
// of this host.
func mediaType(name string) string {
	for suffix, media := range map[string]string{
		".gz": "application/gzip", ".zst": "application/zstd", ".zip": "application/zip", ".tar": "application/x-tar",
		".txt": "text/plain; charset=utf-8", ".json": "application/json",
		".deb": "application/vnd.debian.binary-package", ".rpm": "application/x-rpm",
	} {
		if strings.HasSuffix(name, suffix) {
			return media
		}
	}
	return "application/octet-stream"
}
