package dockerfile

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/slipway-build/slipway/images/buildfile"
)

// A Graph is a Dockerfile whose stages are linked to the stages and images that they depend on.
type Graph struct {
	*File
	Options ReadOptions
	// Global has the variables that are known before the first FROM.
	Global *Env
	stages []*Stage
	// images are the images that only COPY --from names, by that name.
	images map[string]*Stage
}

// ReadOptions are the options of Read.
type ReadOptions struct {
	// Platform is the platform of the image, and BuildPlatform the value of
	// BUILDPLATFORM.
	Platform, BuildPlatform v1.Platform
	// Target is the stage to build; empty means the last one.
	Target string
	// Args are the build arguments.
	Args map[string]string
	// Contexts are the named contexts.
	Contexts map[string]string
	// Warn is called with each warning for the user.
	Warn func(string)
}

// Read parses a Dockerfile and expands the arguments before the first FROM.
func Read(file *buildfile.Dockerfile, options ReadOptions) (*Graph, error) {
	parsed, err := parseDockerfile(file, options.Args, options.Warn)
	if err != nil {
		return nil, err
	}
	g := &Graph{File: parsed, Options: options}
	return g, g.readArgs()
}

// readArgs expands the arguments before the first FROM.
func (g *Graph) readArgs() error {
	lex := shell.NewLex(g.Escape)
	last := g.Parsed[len(g.Parsed)-1].Name
	if g.Options.Target != "" {
		last = g.Options.Target
	}
	known := platformArgs(g.Options.BuildPlatform, g.Options.Platform, last, g.Options.Args)
	if defaults, err := g.globalArgs(known, lex, nil); err == nil {
		g.Lint.defaultBases(g.File, lex, defaults)
	}
	g.expansion = buildfile.Expansion{} // the defaults were expanded only for a check
	var err error
	if g.Global, err = g.globalArgs(known, lex, g.Options.Args); err != nil {
		return err
	}
	return nil
}

// ReadStages expands each FROM, links stages to those that they are FROM or copy from,
// and returns an error if they form a cycle.
func (g *Graph) ReadStages() error {
	lex := shell.NewLex(g.Escape)
	var declared []string
	for _, command := range g.argCommands {
		for _, arg := range command.Args {
			declared = append(declared, arg.Key)
		}
	}
	for i := range g.Parsed {
		s := &Stage{Stage: g.Parsed[i], Index: i}
		if err := g.readFrom(s, lex, append(declared, g.Global.Keys()...)); err != nil {
			return g.At(s.Location, err)
		}
		g.stages = append(g.stages, s)
	}
	g.images = map[string]*Stage{}
	for _, s := range g.stages {
		if s.Replaced {
			continue
		}
		for _, c := range s.Commands {
			linked, err := g.link(c)
			if err != nil {
				return g.At(c.Location(), err)
			}
			s.Instructions = append(s.Instructions, linked)
		}
	}
	return g.RefuseCircles()
}

// stageNamed returns the last stage with that name, ignoring case, or nil.
func (g *Graph) stageNamed(name string) *Stage {
	for _, s := range slices.Backward(g.stages) {
		if s.Name != "" && strings.EqualFold(s.Name, name) {
			return s
		}
	}
	return nil
}

func (g *Graph) StageNames() []string {
	var names []string
	for _, s := range g.stages {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	return names
}

// Target returns the stage to build: the named one, else the last. As in BuildKit, a
// number does not name a target.
func (g *Graph) Target() (*Stage, error) {
	name := g.Options.Target
	if name == "" {
		return g.stages[len(g.stages)-1], nil
	}
	if s := g.stageNamed(name); s != nil {
		return s, nil
	}
	names := g.StageNames()
	have := "it names no stage"
	if len(names) > 0 {
		have = "it has " + strings.Join(names, ", ")
	}
	return nil, g.At(nil, fmt.Errorf("target stage %q does not exist%s; %s", name, Suggest(name, names), have))
}

// RefuseCircles returns an error if a stage depends on itself.
func (g *Graph) RefuseCircles() error {
	done := map[*Stage]bool{}
	var path []*Stage
	var visit func(s *Stage) error
	visit = func(s *Stage) error {
		if i := slices.Index(path, s); i >= 0 {
			var titles []string
			for _, p := range append(path[i:], s) {
				titles = append(titles, p.Title())
			}
			return g.At(s.Location, fmt.Errorf("stages depend on one another in a circle: %s", strings.Join(titles, " needs ")))
		}
		if done[s] {
			return nil
		}
		done[s] = true
		path = append(path, s)
		for _, dep := range s.dependencies() {
			if err := visit(dep); err != nil {
				return err
			}
		}
		path = path[:len(path)-1]
		return nil
	}
	for _, s := range g.stages {
		if err := visit(s); err != nil {
			return err
		}
	}
	return nil
}

// Reachable returns the stages that target is known to depend on: images first, then
// stages in the order of the Dockerfile.
func (g *Graph) Reachable(target *Stage) []*Stage {
	reach := map[*Stage]bool{}
	var visit func(s *Stage)
	visit = func(s *Stage) {
		if !reach[s] {
			reach[s] = true
			for _, dep := range s.dependencies() {
				visit(dep)
			}
		}
	}
	visit(target)
	var all []*Stage
	for _, s := range g.images {
		if reach[s] {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *Stage) int { return strings.Compare(a.BaseName, b.BaseName) })
	for _, s := range g.stages {
		if reach[s] {
			all = append(all, s)
		}
	}
	return all
}
