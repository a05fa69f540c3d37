package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/usage"
)

// A pipeline is what a template needs to write the file of a service.
type pipeline struct {
	Options
	needs
	Project string
	Shards  []shard
	// Dir is the folder of slipway.yaml in the repository, with a slash at its end, or empty for the repository itself.
	Dir string
	// GoMod and GoSum are the paths of go.mod and go.sum in the repository, or empty.
	GoMod, GoSum string
	Minutes      int
	// Runner is that of the jobs that merge and publish.
	Runner string
	// TagPrefix and TagPattern are those of version: in slipway.yaml.
	TagPrefix, TagPattern string
}

// Root returns the repository that contains dir: the nearest folder with .git, or else dir.
func Root(dir string) string {
	for root := dir; ; root = filepath.Dir(root) {
		if _, err := os.Lstat(filepath.Join(root, ".git")); err == nil {
			return root
		}
		if root == filepath.Dir(root) {
			return dir
		}
	}
}

// Text returns the file of a pipeline for a project, with its header. The configuration must have been loaded without
// environment variables.
func Text(c *config.Config, o Options) (string, error) {
	p, err := newPipeline(c, o)
	if err != nil {
		return "", err
	}
	body, err := p.body()
	if err != nil {
		return "", err
	}
	return header(o.Command(), body) + body, nil
}

func newPipeline(c *config.Config, o Options) (*pipeline, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p := &pipeline{
		Options: o, needs: newNeeds(c, o), Project: c.Project, Minutes: int(o.timeout().Minutes()),
		Runner: o.runner(anyPlatform), TagPrefix: c.Version.TagPrefix, TagPattern: c.Version.Pattern,
	}
	if filepath.Base(c.File) != config.FileName {
		return nil, usage.Errorf("%s: the jobs of a pipeline read %s: rename the file", c.File, config.FileName)
	}
	root := Root(c.Dir)
	dir, err := filepath.Rel(root, c.Dir)
	if err != nil {
		return nil, fmt.Errorf("finding %s in its repository: %w", c.Dir, err)
	}
	if dir != "." {
		p.Dir = filepath.ToSlash(dir) + "/"
	}
	if !plain.MatchString(p.Dir + p.Project) {
		return nil, fmt.Errorf("the folder %q: a pipeline needs a path of letters, digits and . _ - /", p.Dir)
	}
	if err := p.readGoMod(root, c.Dir); err != nil {
		return nil, err
	}
	if p.Options.Slipway == "" {
		return nil, usage.Errorf("no go.mod of the project has Slipway as a tool: run `go get -tool %s@latest`, or say with --slipway how jobs run it", tool)
	}
	p.Shards, err = newShards(c, o)
	return p, err
}

// plain matches texts that shells and YAML leave as they are.
var plain = regexp.MustCompile(`^[0-9A-Za-z._/-]*$`)

// Slipway's module, and the path of its command as a tool of other modules.
const (
	slipwayModule = "github.com/slipway-build/slipway"
	tool          = slipwayModule + "/cmd/slipway"
)

// readGoMod reads the nearest go.mod between dir and root, and chooses the command and the image that are not set.
func (p *pipeline) readGoMod(root, dir string) error {
	for {
		file := filepath.Join(dir, "go.mod")
		data, err := regular.ReadFile(file)
		switch {
		case err == nil:
			mod, err := modfile.Parse(file, data, nil)
			if err != nil {
				return err
			}
			return p.useGoMod(root, file, mod)
		case !os.IsNotExist(err):
			return fmt.Errorf("reading go.mod: %w", err)
		case dir == root:
			if p.Image == "" {
				p.Image = "golang:latest"
			}
			return nil
		}
		dir = filepath.Dir(dir)
	}
}

func (p *pipeline) useGoMod(root, file string, mod *modfile.File) error {
	rel, err := filepath.Rel(root, file)
	if err != nil {
		return fmt.Errorf("finding %s in its repository: %w", file, err)
	}
	p.GoMod = filepath.ToSlash(rel)
	p.GoSum = strings.TrimSuffix(p.GoMod, "go.mod") + "go.sum"
	if p.Image == "" {
		p.Image = "golang:latest"
		if mod.Go != nil {
			p.Image = "golang:" + strings.Join(strings.SplitN(mod.Go.Version, ".", 3)[:2], ".")
		}
	}
	if p.Options.Slipway != "" {
		return nil
	}
	if mod.Module != nil && mod.Module.Mod.Path == slipwayModule {
		p.Options.Slipway = "go run ./cmd/slipway"
	}
	for _, t := range mod.Tool {
		if t.Path == tool {
			p.Options.Slipway = "go tool slipway"
		}
	}
	return nil
}

// defaultPattern reports whether tags have the form of versions that slipway.yaml does not change.
func (p *pipeline) defaultPattern() bool {
	return p.TagPattern == "" || p.TagPattern == version.DefaultPattern
}
