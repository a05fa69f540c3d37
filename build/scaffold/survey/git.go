package survey

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/version"
)

// An Origin is the information of git about a checkout.
type Origin struct {
	Repository        bool   // whether the checkout is in a repository
	Host, Owner, Name string // of the remote; empty if no remote is on a server
	Tag               string // nearest tag that is a version
	OtherTag          string // nearest tag, if no tag is a version
	Doubt             string
}

var remoteShape = regexp.MustCompile(`^(?:[a-z+]+://(?:[^@/]*@)?|(?:[^@/]*@))?([a-zA-Z0-9.-]+\.[a-zA-Z]+)(?::\d+)?[:/](.+?)/([^/]+?)(?:\.git)?/?$`)

// readOrigin reads the tags, and the remote origin, else upstream, else the first.
func readOrigin(ctx context.Context, dir string) Origin {
	var o Origin
	description, err := version.Describe(ctx, dir, "", versionPattern)
	if err != nil {
		if !errors.Is(err, version.ErrNoRepository) {
			o.Doubt = err.Error()
		}
		return o
	}
	o.Repository = true
	for _, name := range append([]string{"origin", "upstream"}, slices.Sorted(maps.Keys(description.Remotes))...) {
		m := remoteShape.FindStringSubmatch(description.Remotes[name])
		if m == nil {
			continue
		}
		if info, err := os.Stat(description.Remotes[name]); err == nil && info.IsDir() {
			continue // a clone of a folder
		}
		o.Host, o.Owner, o.Name = m[1], m[2], m[3]
		break
	}
	if o.Tag = description.Nearest; o.Tag == "" {
		o.OtherTag = nearestTag(ctx, dir, "", anyTag)
	}
	return o
}

var (
	versionPattern = regexp.MustCompile(version.DefaultPattern)
	anyTag         = regexp.MustCompile("")
)

// NearestTag returns the nearest tag that is a version after prefix, or "".
func (s *Survey) NearestTag(ctx context.Context, prefix string) string {
	return nearestTag(ctx, s.Tree.Root, prefix, versionPattern)
}

// ModulePrefix returns the prefix of a module's tags before the version: its folder in the repository and a slash, as
// in Go, or "" in the root of the repository.
func (s *Survey) ModulePrefix(m *Module) string {
	module := s.Tree.path(m.Dir)
	for root := module; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
			if rel, err := filepath.Rel(root, module); err == nil && rel != "." {
				return filepath.ToSlash(rel) + "/"
			}
			return ""
		}
		if root == filepath.Dir(root) {
			return ""
		}
	}
}

func nearestTag(ctx context.Context, dir, prefix string, pattern *regexp.Regexp) string {
	d, err := version.Describe(ctx, dir, prefix, pattern)
	if err != nil {
		return "" // readOrigin has handled this error
	}
	return d.Nearest
}

// URL returns the web address of the repository, or "".
func (o Origin) URL() string {
	if o.Host == "" {
		return ""
	}
	return "https://" + o.Host + "/" + o.Owner + "/" + o.Name
}

// replace replaces the expressions of GitHub Actions that contain the repository.
func (o Origin) replace(text string) string {
	if o.Owner == "" {
		return text
	}
	for _, m := range actionsOwner.FindAllStringSubmatch(text, -1) {
		value := o.Owner
		switch m[1] {
		case "github.repository":
			value += "/" + o.Name
		case "github.event.repository.name":
			value = o.Name
		}
		text = strings.ReplaceAll(text, m[0], value)
	}
	return text
}

var actionsOwner = regexp.MustCompile(`\$\{\{\s*(github\.repository_owner|github\.repository|github\.event\.repository\.name)\s*\}\}`)
