package scaffold

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/scaffold/convert"
	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
)

// A project has the decisions about the release of a checkout, while its slipway.yaml is drafted.
type project struct {
	*survey.Survey
	draft.Draft // its Binaries and Images are filled in last, from binaries and images

	converted *convert.Conversion // never nil; empty if no other tool's file was read
	module    *survey.Module      // its programs are released; may be nil
	binaries  []*binary
	images    []*image
}

// readProject surveys the checkout in dir, and decides on the content of its slipway.yaml.
func readProject(ctx context.Context, dir string, o Options) (*project, error) {
	s, err := survey.Read(ctx, dir)
	if err != nil {
		return nil, err
	}
	p := &project{Survey: s, converted: &convert.Conversion{}}
	p.Schema, p.NewFiles = cmp.Or(o.Schema, SchemaURL), map[string]string{}
	p.Doubts = append(p.Doubts, s.Tree.Doubts...)
	if s.Origin.Doubt != "" {
		p.Doubts = append(p.Doubts, s.Origin.Doubt)
	}
	if err := p.convert(o.From); err != nil {
		return nil, err
	}
	if err := p.chooseModule(ctx, o); err != nil {
		return nil, err
	}
	p.nameProject()
	p.findPlatforms()
	p.findBinaries()
	p.findImages()
	p.findNames()
	p.findVersion(ctx)
	p.License = s.Tree.License()
	p.completePackages()
	if s.Origin.Repository && !s.Tree.Ignores("dist") {
		p.remark("note: .gitignore does not name dist, the folder that Slipway writes: add /dist")
	}
	if len(p.binaries) == 0 && !slices.ContainsFunc(p.images, func(i *image) bool { return i.Off == "" }) {
		return nil, fmt.Errorf("surveying %s: found nothing to release: want a go.mod with a main package, or a Dockerfile", s.Tree.Root)
	}
	for _, b := range p.binaries {
		p.Binaries = append(p.Binaries, b.Binary)
	}
	for _, i := range p.images {
		p.Images = append(p.Images, i.Image)
	}
	return p, nil
}

// convert reads the file of another tool: of the tool from, which must exist, or of the first tool that has one.
func (p *project) convert(from string) error {
	c, err := convert.Find(p.Survey, from)
	if err != nil && from == "" {
		p.Doubts = append(p.Doubts, err.Error())
		return nil
	}
	if err != nil || c == nil {
		return err
	}
	p.converted = c
	p.From, p.Leftovers, p.Env, p.Vars, p.GitHub, p.Names = c.File, c.Leftovers, c.Env, c.Vars, c.GitHub, c.Names
	p.Publish, p.Release = c.Publish, c.Release
	for _, command := range c.Before {
		p.Before = append(p.Before, draft.Hook{Command: command})
	}
	for _, note := range c.Notes {
		p.remark("note: " + note)
	}
	for _, b := range c.Bundles {
		for i, f := range b.Files {
			b.Files[i].Missing = f.Type == "" && !strings.Contains(f.Source, "${") && !p.Tree.Has(f.Source)
		}
		p.Bundles = append(p.Bundles, b)
	}
	return nil
}

// completePackages adds the metadata that packages require.
func (p *project) completePackages() {
	for i, b := range p.Bundles {
		if b.Package == nil {
			continue
		}
		for key, value := range map[string]string{"maintainer": "nobody <nobody@example.com>", "description": p.Project, "license": p.License} {
			if b.Package[key] != "" {
				continue
			}
			if key != "license" || value == "" {
				p.Bundles[i].Doubts = append(p.Bundles[i].Doubts, p.From+" has no "+key+" for packages, which need one")
			}
			b.Package[key] = cmp.Or(value, "unknown")
		}
		slices.Sort(p.Bundles[i].Doubts)
	}
}
