package release

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/publish"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/parallel"
)

// destinations returns the destinations to which this run sends something.
func (p *publication) destinations() []config.Destination {
	var out []config.Destination
	for _, d := range p.Plan.Destinations {
		if d.Registry != "" && (p.wants("images") || p.wants("index")) || d.Registry == "" && p.wants("artifacts") {
			out = append(out, d)
		}
	}
	return out
}

// forced reports whether a push to a destination may replace existing content.
func (r *Release) forced(d config.Destination) bool { return r.options.Force || d.Force }

// allowed returns an error unless the version may be published: it must be the tag of the commit, without changes, or a
// snapshot.
func (p *publication) allowed() error {
	r := p.Plan.Release
	var why []string
	if p.Config.Untagged {
		why = append(why, "no git tag on HEAD and no TAG names the version")
	}
	if r.Dirty {
		why = append(why, "tracked files differ from commit "+r.Commit)
	}
	if len(why) == 0 || p.options.Snapshot {
		return nil
	}
	var closed []string
	for _, d := range p.destinations() {
		if !d.Snapshot {
			closed = append(closed, d.String())
		}
	}
	if len(closed) == 0 {
		return nil
	}
	return fmt.Errorf("%s is not published to %s: %s; commit and tag, or publish it as a snapshot (--snapshot, environment SNAPSHOT, or snapshot: true of the destination)",
		r.Version, strings.Join(closed, ", "), strings.Join(why, ", and "))
}

// check checks that each destination would accept what is to be sent.
func (p *publication) check(ctx context.Context) error {
	errs := []error{p.settleTags(ctx), p.checkRegistries(ctx)}
	for _, d := range p.destinations() {
		var err error
		switch {
		case d.Directory != "":
			err = publish.CheckDirectory(p.path(d.Directory))
		case d.GitHub.Repository != "":
			err = p.checkGitHub(ctx, d)
		case d.GitLab.Project != "":
			err = p.checkGitLab(ctx, d)
		case d.S3.Bucket != "":
			err = p.checkS3(ctx, d)
		case d.Exec.String() != "":
			errs = append(errs, p.CheckCommand(d)) // its errors contain the position
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("publishing artifacts to %s: %w", d, err))
		}
	}
	return errors.Join(errs...)
}

// checkRegistries looks up all tags, and checks the permission to push. A tag that is up to date needs no permission.
func (p *publication) checkRegistries(ctx context.Context) error {
	var all []push
	for _, phase := range p.pushes {
		all = append(all, phase...)
	}
	var (
		mu    sync.Mutex
		repos = map[name.Repository]bool{} // repositories with something to push
	)
	err := parallel.Each(ctx, len(all), p.options.Transfers(), func(i int) error {
		there, ok, err := p.bench.Registry.Tagged(ctx, all[i].ref)
		if err != nil || ok && there == all[i].digest {
			return err
		}
		if ok && !all[i].replaces && !p.forced(all[i].to) {
			return fmt.Errorf("%s already exists with digest %s, and %s would replace it: use another version, or allow replacing it (--force, environment FORCE, or force: true of the destination)",
				images.Qualified(all[i].ref), there, all[i].digest)
		}
		mu.Lock()
		defer mu.Unlock()
		repos[all[i].ref.Context()] = true
		return nil
	})
	errs := []error{err}
	for _, o := range all {
		if repo := o.ref.Context(); repos[repo] {
			errs = append(errs, p.bench.Registry.CheckPush(ctx, repo))
			delete(repos, repo)
		}
	}
	signed := map[string]bool{}
	for _, text := range p.lists {
		ref, err := images.ParseReference(text)
		if err == nil && !signed[ref.Context().Name()] {
			signed[ref.Context().Name()] = true
			err = p.bench.Registry.CheckPush(ctx, ref.Context())
		}
		errs = append(errs, err)
	}
	return errors.Join(parallel.Distinct(errs)...)
}
