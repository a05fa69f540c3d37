package plan

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/images"
)

func (p *planner) binaries() {
	for _, b := range p.config.Binaries {
		for _, platform := range b.Platforms {
			vars := p.vars(platform, "", map[string]string{"NAME": b.Name})
			if p.filter.wants(platform) && b.When.Holds(vars) {
				p.plan.Binaries = append(p.plan.Binaries, p.binary(b, platform, vars))
			}
		}
	}
}

func (p *planner) binary(b config.Binary, platform v1.Platform, vars map[string]string) BinaryStep {
	opts, pkg := b.BuildOpts, b.Package
	if o, ok := b.Overrides[images.FormatPlatform(platform)]; ok {
		opts, pkg = opts.With(o.BuildOpts), cmp.Or(o.Package, pkg)
	}
	step := BinaryStep{
		Name: b.Name, Platform: images.Platform{Platform: platform}, Module: cmp.Or(filepath.ToSlash(filepath.Clean(b.Module)), "."), Package: pkg,
		Tags: goTags(opts.Tags.Values(vars)), Ldflags: opts.Ldflags.Values(vars), Flags: goFlags(opts, vars), Env: expandMap(opts.Env, vars), Assert: opts.Assert,
		Output: "dist/bin/" + images.PlatformSlug(platform) + "/" + b.Name + vars["EXE"],
		Hooks:  hooks(b.Name+" for "+images.FormatPlatform(platform), b.Hooks, vars),
	}
	if experiments := opts.Goexperiment.Values(vars); len(experiments) > 0 {
		if step.Env == nil {
			step.Env = map[string]string{}
		}
		step.Env["GOEXPERIMENT"] = strings.Join(experiments, ",")
	}
	if b.Prebuilt != "" {
		step.Prebuilt, step.Source = expression.Expand(b.Prebuilt, vars), b.Position.String()
	}
	if b.Release.Holds(vars) {
		step.Artifact = artifact(slices.Concat(b.Names, p.config.Names.BinaryOf(platform)).Of(vars))
		p.claim("binary", "binary "+b.Name, platform, b.Position, step.Artifact)
	}
	return step
}

// goTags returns build tags one by one: as in go build, an entry may contain several, separated by commas or spaces.
func goTags(entries []string) []string {
	var tags []string
	for _, entry := range entries {
		tags = append(tags, strings.FieldsFunc(entry, func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	return tags
}

// goFlags returns the arguments of go build that are not build tags or linker flags.
func goFlags(opts config.BuildOpts, vars map[string]string) []string {
	var flags []string
	if opts.Buildmode != "" {
		flags = append(flags, "-buildmode="+opts.Buildmode)
	}
	for _, value := range opts.Gcflags.Values(vars) {
		flags = append(flags, "-gcflags="+value)
	}
	for _, value := range opts.Asmflags.Values(vars) {
		flags = append(flags, "-asmflags="+value)
	}
	return append(flags, opts.Flags.Values(vars)...)
}
