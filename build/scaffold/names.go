package scaffold

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
)

// nameProject names the project after the Go module, else the remote, else the folder.
func (p *project) nameProject() {
	p.Project = imageName(filepath.Base(p.Tree.Root))
	if p.module != nil {
		if prefix, _, ok := module.SplitPathVersion(p.module.Path); ok && prefix != "" {
			p.Project = imageName(path.Base(prefix))
		}
	} else if p.Origin.Name != "" {
		p.Project = imageName(p.Origin.Name)
	}
	if p.converted.Project != "" && !strings.Contains(p.converted.Project, "{{") {
		p.Project = imageName(p.converted.Project)
	}
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

var namesShape = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

// imageName converts any text to a valid name of an image.
func imageName(text string) string {
	text = strings.ToLower(text)
	if namesShape.MatchString(text) {
		return text
	}
	return cmp.Or(strings.Trim(notInNames.ReplaceAllString(text, "-"), "-"), "project")
}

// findPlatforms determines the platforms of the project.
func (p *project) findPlatforms() {
	if len(p.converted.Platforms) > 0 {
		p.addPlatforms(p.converted.Platforms...)
		if len(draft.OfSystem(p.Platforms, "linux")) == 0 && len(draft.OfSystem(p.Platforms, "windows")) > 0 {
			return
		}
	}
	if p.Platforms == nil {
		p.Platforms = []string{"linux/amd64", "linux/arm64"}
		if slices.ContainsFunc(p.Recipes.GoBuilds(), func(g survey.GoBuild) bool { return g.Windows }) {
			p.Platforms = append(p.Platforms, "windows/amd64")
		}
	}
}

// addPlatforms adds platforms of images. Those of Linux come before those of Windows.
func (p *project) addPlatforms(platforms ...string) {
	for _, one := range platforms {
		if draft.IsPlatform(one) {
			p.Platforms = survey.AppendNew(p.Platforms, one)
		}
	}
	p.Platforms = append(draft.OfSystem(p.Platforms, "linux"), draft.OfSystem(p.Platforms, "windows")...)
}

// findNames determines the registry and repository of images.
func (p *project) findNames() {
	for _, i := range p.images {
		for _, ref := range i.refs {
			if i.Off == "" && p.Registry == "" {
				p.Registry, p.Repository, _ = splitReference(ref)
			}
		}
	}
	switch {
	case p.Registry != "":
	case p.Origin.Host == "gitlab.com":
		p.Registry, p.Repository = "registry.gitlab.com", p.Origin.Owner+"/"+p.Origin.Name
		p.NameDoubt = "guessed from the git remote"
	case p.Origin.Host == "github.com":
		p.Registry, p.Repository, p.NameDoubt = "ghcr.io", p.Origin.Owner, "guessed from the git remote"
	case p.module != nil && strings.HasPrefix(p.module.Path, "github.com/") && strings.Count(p.module.Path, "/") >= 2:
		p.Registry, p.Repository, p.NameDoubt = "ghcr.io", strings.Split(p.module.Path, "/")[1], "guessed from the path of the Go module"
	default:
		p.Registry, p.Repository, p.NameDoubt = "docker.io", p.Project, "nothing says where images are published"
	}
	parts := strings.Split(p.Repository, "/")
	for i := range parts {
		parts[i] = imageName(parts[i])
	}
	p.Repository = strings.Join(parts, "/")
	if len(p.images) == 0 {
		p.NameDoubt = ""
	}
	if p.GitHub == "" && p.Origin.Host == "github.com" {
		p.GitHub = p.Origin.Owner + "/" + p.Origin.Name
	}
	p.Publish = p.Publish && p.GitHub != ""
}

// splitReference splits a reference without a tag: for prom/node-exporter, it returns docker.io, prom and
// node-exporter.
func splitReference(ref string) (registry, repository, name string) {
	parts := strings.Split(strings.Trim(ref, "/"), "/")
	registry = "docker.io"
	if len(parts) > 1 && (strings.ContainsAny(parts[0], ".:") || parts[0] == "localhost") {
		registry, parts = parts[0], parts[1:]
	}
	name = parts[len(parts)-1]
	return registry, cmp.Or(strings.Join(parts[:len(parts)-1], "/"), "library"), name
}

// findVersion determines which git tags are versions. In a module below the root of the repository, these are the tags
// with its folder as a prefix, as in Go, if there are any.
func (p *project) findVersion(ctx context.Context) {
	if p.module != nil && p.Origin.Repository {
		if prefix := p.ModulePrefix(p.module); prefix != "" && p.NearestTag(ctx, prefix) != "" {
			p.TagPrefix = prefix
			return
		}
	}
	if p.Origin.OtherTag != "" {
		p.VersionDoubt = fmt.Sprintf("the nearest git tag, %s, is not a version; pattern selects the tags that are, and tag-prefix is the part before the version", p.Origin.OtherTag)
	}
}
