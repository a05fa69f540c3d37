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

	"github.com/google/go-github/v75/github"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// uploadsAtOnce hides the pause that GitHub makes after each file, and stays below
// what its secondary limits take for abuse.
const uploadsAtOnce = 4

// uploaded is the state of an asset that is complete. One whose upload broke off
// stays a "starter", holds its name, and cannot be downloaded.
const uploaded = "uploaded"

// uploadAll makes all artifacts assets of release, and then looks whether they are.
func (p *publisher) uploadAll(ctx context.Context, release *github.RepositoryRelease, all []artifact) error {
	there, err := p.assets(ctx, release)
	if err != nil {
		return err
	}
	if err := checkRoom(there, all); err != nil {
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
			errs[i] = fmt.Errorf("%s was uploaded, and then %s", a.name, wrong)
		}
	}
	return errors.Join(errs...)
}

// checkRoom says whether the release can hold what it has and all artifacts.
func checkRoom(there map[string]*github.ReleaseAsset, all []artifact) error {
	count := len(there)
	for _, a := range all {
		if there[a.name] == nil {
			count++
		}
	}
	if count > maxAssets {
		return fmt.Errorf("it would have %d assets with those that are there, and GitHub takes at most %d: delete some", count, maxAssets)
	}
	return nil
}

// assets returns the assets of release by their names.
func (p *publisher) assets(ctx context.Context, release *github.RepositoryRelease) (there map[string]*github.ReleaseAsset, err error) {
	err = p.retry(ctx, func(ctx context.Context) (err error) {
		there, err = p.listAssets(ctx, release)
		return err
	})
	return there, err
}

// listAssets is assets, tried once.
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

// uploadOne makes a an asset, given what has its name already, and returns its digest.
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
	if there.GetState() == uploaded && !release.GetDraft() && !p.options.Replace {
		return sum, published(a, wrong)
	}
	task.SetTotal(a.size)
	first := true
	err = p.retry(ctx, func(ctx context.Context) error {
		if !first { // what failed may have left something, or been carried out
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
				return fmt.Errorf("deleting what is there: %w", err)
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
	// The release says where to: a template (RFC 6570), of which only the name is wanted.
	address, _, _ := strings.Cut(release.GetUploadURL(), "{")
	if address == "" {
		return errors.New("GitHub does not say where to upload to")
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
		return &brokenUpload{fmt.Sprintf("had read %d bytes of %d", n, a.size)}
	}
	if found := digest(body.sum.Sum(nil)); found != sum {
		return fmt.Errorf("it changed meanwhile: it was %s, and %s was sent", sum, found)
	}
	if asset.GetName() != a.name {
		return fmt.Errorf("GitHub calls it %s: rename it", asset.GetName())
	}
	if wrong := differs(asset, a, sum); wrong != "" {
		task.Add(-int(a.size))
		return &brokenUpload{wrong}
	}
	return nil
}

// A body is what is sent of a file. The client's goroutine may go on reading when
// the answer is there already; sum is complete when read is the file's size.
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

// differs says what is wrong with an asset that is to be a; nothing if it is empty.
func differs(asset *github.ReleaseAsset, a artifact, sum digest) string {
	switch {
	case asset == nil:
		return "it is not there"
	case asset.GetState() != uploaded:
		return fmt.Sprintf("its upload is incomplete (%s)", asset.GetState())
	case int64(asset.GetSize()) != a.size:
		return fmt.Sprintf("it has %d bytes, want %d", asset.GetSize(), a.size)
	case asset.GetDigest() != "" && asset.GetDigest() != sum.String(): // older servers tell none
		return fmt.Sprintf("it is %s, want %s", asset.GetDigest(), sum)
	}
	return ""
}

// mediaType is what a browser is told of a file of that name. It does not depend on
// what this host knows of names.
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
