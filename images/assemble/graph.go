package assemble

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/slipway-build/slipway/images/buildfile"
)

// A graph is a Dockerfile whose stages know the stages and images that they are
// made of.
type graph struct {
	*dockerfile
	options graphOptions
	// global are the variables that are known before the first FROM.
	global *env
	stages []*Stage
	// images are the images that only a COPY --from names, by that name.
	images map[string]*Stage
}

// graphOptions are what a Dockerfile is read for.
type graphOptions struct {
	// platform is that of the image, build that of BUILDPLATFORM.
	platform, build v1.Platform
	// target is the stage to build; empty is the last one.
	target string
	// args are the build arguments.
	args map[string]string
	// contexts are the named contexts.
	contexts map[string]string
	// warn is told of what a user should know.
	warn func(string)
}

// readGraph parses a Dockerfile and expands the arguments before the first FROM.
func readGraph(file *buildfile.Dockerfile, options graphOptions) (*graph, error) {
	parsed, err := parseDockerfile(file, options.args, options.warn)
	if err != nil {
		return nil, err
	}
	g := &graph{dockerfile: parsed, options: options}
	return g, g.readArgs()
}

// readArgs expands the arguments before the first FROM.
func (g *graph) readArgs() error {
	lex := shell.NewLex(g.escape)
	last := g.parsed[len(g.parsed)-1].Name
	if g.options.target != "" {
		last = g.options.target
	}
	known := platformArgs(g.options.build, g.options.platform, last, g.options.args)
	if defaults, err := g.globalArgs(known, lex, nil); err == nil {
		g.lint.defaultBases(g.dockerfile, lex, defaults)
	}
	g.expansion = buildfile.Expansion{} // the defaults were expanded for a check alone
	var err error
	if g.global, err = g.globalArgs(known, lex, g.options.args); err != nil {
		return err
	}
	return nil
}

// readStages expands what FROM says, links stages to the ones that they are FROM
// and that they copy from, and refuses circles.
func (g *graph) readStages() error {
	lex := shell.NewLex(g.escape)
	var declared []string
	for _, command := range g.argCommands {
		for _, arg := range command.Args {
			declared = append(declared, arg.Key)
		}
	}
	for i := range g.parsed {
		s := &Stage{Stage: g.parsed[i], Index: i}
		if err := g.readFrom(s, lex, append(declared, g.global.Keys()...)); err != nil {
			return g.at(s.Location, err)
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
				return g.at(c.Location(), err)
			}
			s.Instructions = append(s.Instructions, linked)
		}
	}
	return g.refuseCircles()
}

// stageNamed returns the last stage of that name, in any case, or nil.
func (g *graph) stageNamed(name string) *Stage {
	for _, s := range slices.Backward(g.stages) {
		if s.Name != "" && strings.EqualFold(s.Name, name) {
			return s
		}
	}
	return nil
}

func (g *graph) stageNames() []string {
	var names []string
	for _, s := range g.stages {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	return names
}

// target returns the stage that is to be built: the one named, else the last. A
// number names no target, as in BuildKit.
func (g *graph) target() (*Stage, error) {
	name := g.options.target
	if name == "" {
		return g.stages[len(g.stages)-1], nil
	}
	if s := g.stageNamed(name); s != nil {
		return s, nil
	}
	names := g.stageNames()
	have := "it names no stage"
	if len(names) > 0 {
		have = "it has " + strings.Join(names, ", ")
	}
	return nil, g.at(nil, fmt.Errorf("target stage %q is not there%s; %s", name, suggest(name, names), have))
}

// refuseCircles finds a stage that is made of itself.
func (g *graph) refuseCircles() error {
	done := map[*Stage]bool{}
	var path []*Stage
	var visit func(s *Stage) error
	visit = func(s *Stage) error {
		if i := slices.Index(path, s); i >= 0 {
			var titles []string
			for _, p := range append(path[i:], s) {
				titles = append(titles, p.title())
			}
			return g.at(s.Location, fmt.Errorf("stages depend on one another in a circle: %s", strings.Join(titles, " needs ")))
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

// reachable returns the stages that target is known to be made of, images first and
// then in the Dockerfile's order.
func (g *graph) reachable(target *Stage) []*Stage {
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
