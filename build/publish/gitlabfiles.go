package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// packageFiles returns the files in the package by name. Of several files with one name, it returns the newest, which
// is also the one that downloads get.
func (p *gitlabPublisher) packageFiles(ctx context.Context) (there map[string]gitlabPackageFile, err error) {
	err = p.retry(ctx, func(ctx context.Context) (err error) {
		there, err = p.listPackageFiles(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the package %s %s: %w%s", p.options.Package, p.options.Version, err, gitlabHint(err))
	}
	return there, nil
}

// listPackageFiles is packageFiles without retries.
func (p *gitlabPublisher) listPackageFiles(ctx context.Context) (map[string]gitlabPackageFile, error) {
	query := url.Values{"package_type": {"generic"}, "package_name": {p.options.Package}, "package_version": {p.options.Version}, "per_page": {"100"}}
	var packages []gitlabPackage
	if _, err := p.api.get(ctx, p.api.at("packages")+"?"+query.Encode(), &packages); err != nil {
		return nil, err
	}
	there := map[string]gitlabPackageFile{}
	for _, found := range packages {
		if found.Name != p.options.Package || found.Version != p.options.Version { // the server also finds parts of names
			continue
		}
		address := p.api.at("packages", strconv.FormatInt(found.ID, 10), "package_files")
		for page := "1"; page != ""; {
			var (
				files []gitlabPackageFile
				err   error
			)
			if page, err = p.api.get(ctx, address+"?per_page=100&page="+page, &files); err != nil {
				return nil, err
			}
			for _, f := range files {
				if other, ok := there[f.Name]; !ok || other.ID < f.ID {
					there[f.Name] = f
				}
			}
		}
	}
	return there, nil
}

func (p *gitlabPublisher) publish(ctx context.Context, all []artifact) (string, error) {
	there, digests, err := p.compare(ctx, all)
	if err != nil {
		return "", err
	}
	errs := make([]error, len(all))
	var group errgroup.Group
	group.SetLimit(uploadsAtOnce)
	for i, a := range all {
		group.Go(func() error {
			task := progress.Start(ctx, "upload "+a.name)
			if "sha256:"+there[a.name].SHA256 == digests[i].String() {
				task.SetCached()
			} else {
				errs[i] = p.upload(ctx, a, digests[i], task)
			}
			task.Done(errs[i])
			return nil
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	if there, err = p.packageFiles(ctx); err != nil {
		return "", err
	}
	for i, a := range all {
		if "sha256:"+there[a.name].SHA256 != digests[i].String() {
			errs[i] = fmt.Errorf("%s was uploaded, but the package has other content: run publish again", a.name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	task := progress.Start(ctx, "publish "+p.options.Tag)
	address, err := p.link(ctx, all)
	task.Done(err)
	return address, err
}

// upload uploads a file to the package.
func (p *gitlabPublisher) upload(ctx context.Context, a artifact, sum digest, task *progress.Task) error {
	f, err := regular.Open(a.path)
	if err != nil {
		return err
	}
	defer f.Close()
	task.SetTotal(a.size)
	err = p.retry(ctx, func(ctx context.Context) error {
		var answer gitlabPackageFile
		body := io.NewSectionReader(f, 0, a.size)
		if _, err := p.api.do(ctx, http.MethodPut, p.address(a)+"?select=package_file", body, a.size, &answer); err != nil {
			return err
		}
		if answer.SHA256 != "" && "sha256:"+answer.SHA256 != sum.String() {
			return &brokenUpload{fmt.Sprintf("it is sha256:%s there, want %s", answer.SHA256, sum)}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("uploading %s: %w%s", a.path, err, gitlabHint(err))
	}
	task.Add(int(a.size))
	return nil
}

// address returns the address of a file in the package.
func (p *gitlabPublisher) address(a artifact) string {
	return p.api.at("packages", "generic", p.options.Package, p.options.Version, a.name)
}

// linkTo returns a link to a file in the package. The release serves it below /downloads too.
func (p *gitlabPublisher) linkTo(a artifact) gitlabLink {
	return gitlabLink{Name: a.name, URL: p.address(a), DirectAssetPath: "/" + a.name, LinkType: "other"}
}

// link creates the release with links to all files, or adds missing links. It returns the address of the release.
func (p *gitlabPublisher) link(ctx context.Context, all []artifact) (string, error) {
	release, err := p.release(ctx)
	if err != nil {
		return "", err
	}
	if release == nil {
		if release, err = p.create(ctx, all); err != nil {
			return "", err
		}
	}
	if err := p.checkCommit(release.Commit); err != nil {
		return "", err
	}
	there := map[string]gitlabLink{}
	for _, l := range release.Assets.Links {
		there[l.Name] = l
	}
	for _, a := range all {
		l, method, address := p.linkTo(a), http.MethodPost, p.api.at("releases", p.options.Tag, "assets", "links")
		old, ok := there[a.name]
		if ok && old.URL == l.URL {
			continue
		}
		if ok {
			method, address = http.MethodPut, address+"/"+strconv.FormatInt(old.ID, 10)
		}
		if err := p.retry(ctx, func(ctx context.Context) error { return p.api.send(ctx, method, address, l, new(gitlabLink)) }); err != nil {
			return "", fmt.Errorf("linking %s: %w%s", a.name, err, gitlabHint(err))
		}
	}
	return release.Links.Self, nil
}

// create creates the release. A failed request may have been executed.
func (p *gitlabPublisher) create(ctx context.Context, all []artifact) (*gitlabRelease, error) {
	o := gitlabRelease{Tag: p.options.Tag, Ref: p.options.Commit, Name: p.options.Name, Description: p.options.Notes}
	for _, a := range all {
		o.Assets.Links = append(o.Assets.Links, p.linkTo(a))
	}
	created := &gitlabRelease{}
	err := p.retry(ctx, func(ctx context.Context) error {
		return p.api.send(ctx, http.MethodPost, p.api.at("releases"), o, created)
	})
	if err == nil {
		return created, nil
	}
	if found, e := p.release(ctx); e == nil && found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("creating the release: %w%s", err, gitlabHint(err))
}
