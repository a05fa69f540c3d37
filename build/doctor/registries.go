package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/parallel"
)

// A target is a tag that publish sets at a destination.
type target struct {
	to  config.Destination
	ref name.Reference
	// planned is the tag in the plan; empty for an OCI artifact.
	planned string
}

// registries looks at the registries that images and OCI artifacts are pushed to: whether they can be reached, whether the
// credentials allow a push, and which tags they have already. It also looks at the version.
func (x *examination) registries(ctx context.Context) error {
	x.fromError(Warning, x.CheckVersion())
	targets, err := x.targets()
	if err != nil {
		return err
	}
	bench, err := x.Workbench()
	if err != nil {
		return err
	}
	errs := make([]error, len(targets))
	found := make([]string, len(targets))
	_ = parallel.Each(ctx, len(targets), x.options.Transfers(), func(i int) error {
		digest, ok, err := bench.Registry.Tagged(ctx, targets[i].ref)
		if errs[i] = err; ok && err == nil {
			found[i] = digest.String()
		}
		return nil
	})
	refused := map[string]bool{} // registries and repositories that have a finding
	for i, t := range targets {
		at, repo := t.to.Position.String(), t.ref.Context()
		if errs[i] != nil {
			x.find(Error, at, errs[i].Error(), "")
			refused[repo.Name()] = true
			continue
		}
		x.existing(t, found[i])
	}
	for _, t := range targets {
		repo := t.ref.Context()
		if refused[repo.Name()] {
			continue
		}
		refused[repo.Name()] = true
		if err := bench.Registry.CheckPush(ctx, repo); err != nil {
			x.find(Error, t.to.Position.String(), err.Error(), "")
		}
	}
	return nil
}

// targets returns the tags of all destinations that are registries. Destinations whose credentials are missing are
// left out.
func (x *examination) targets() (all []target, err error) {
	for _, d := range x.Plan.Destinations {
		if d.Registry == "" && d.OCI == "" {
			continue
		}
		if err := x.CheckCredentials(d); err != nil {
			x.fromError(Error, err)
			continue
		}
		if d.OCI != "" {
			ref, err := images.ParseReference(d.OCI)
			if err != nil {
				return nil, err
			}
			all = append(all, target{d, ref, ""})
			continue
		}
		var refs []string
		for _, s := range x.Plan.Images {
			refs = append(refs, s.Ref)
		}
		for _, s := range x.Plan.Indexes {
			refs = append(refs, s.Ref)
		}
		for _, planned := range refs {
			ref, err := x.At(d, planned)
			if err != nil {
				return nil, err
			}
			all = append(all, target{d, ref, planned})
		}
	}
	return all, nil
}

// existing looks at a tag that a destination may have already. digest is what the tag refers to there; it is empty if the
// destination does not have the tag. A tag with the digest that dist has was published by an earlier run, and is good.
func (x *examination) existing(t target, digest string) {
	if digest == "" || digest == x.Reported(t.planned) {
		return
	}
	message := fmt.Sprintf("%s exists already, with digest %s", images.Qualified(t.ref), digest)
	if x.options.Force || t.to.Force {
		x.find(Note, t.to.Position.String(), message, "publish replaces it (force), unless the registry keeps tags immutable")
		return
	}
	x.find(Warning, t.to.Position.String(), message,
		"publish refuses to replace it with another image: use another version, or allow replacing it (--force, environment FORCE, or force: true of the destination)")
}

// rate compares the pulls that the registries of images still allow with those of a release on a machine with an empty
// cache.
func (x *examination) rate(context.Context) error {
	bench, err := x.Workbench()
	if err != nil {
		return err
	}
	for _, registry := range slices.SortedFunc(maps.Keys(x.pulls), func(a, b name.Registry) int { return strings.Compare(a.Name(), b.Name()) }) {
		budget, ok := bench.Registry.Budget(registry)
		need := x.pulls[registry]
		if !ok || budget.Remaining >= need {
			continue
		}
		window := ""
		if budget.Window > 0 {
			window = fmt.Sprintf(" in %g hours", budget.Window.Hours())
		}
		x.find(Warning, "", fmt.Sprintf("the registry %s allows %d more pulls%s, and the release needs %d on a machine with an empty cache",
			images.RegistryName(registry), budget.Remaining, window, need),
			"log in (slipway login "+images.RegistryName(registry)+"), use a mirror (registries: in slipway.yaml), or wait")
	}
	return nil
}
