package dockerfile

import (
	"path"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// A Download is a file or git repository that an ADD fetches.
type Download struct {
	// URL may contain variables.
	URL string
	// Checked is whether --checksum names its content.
	Checked bool
	Line    int
}

// A SecretMount is a secret that a RUN mounts.
type SecretMount struct {
	ID string
	// Required makes a missing secret an error. Otherwise, the command runs without it.
	Required bool
	Line     int
}

// A Demand is a feature that only newer engines have.
type Demand struct {
	Feature string
	// Buildkit is the version of BuildKit, and Docker that of Docker Engine, that have it first.
	Buildkit, Docker string
	Line             int
}

// Needs are what a target needs of its surroundings.
type Needs struct {
	Downloads []Download
	// Secrets are without those whose IDs have variables.
	Secrets []SecretMount
	Demands []Demand
	// Runs is whether it runs programs of the platform of the image.
	Runs bool
}

// Needs returns what the target needs of its surroundings. g cannot be used for anything else afterwards.
func (g *Graph) Needs() (*Needs, error) {
	if err := g.ReadStages(); err != nil {
		return nil, err
	}
	target, err := g.Target()
	if err != nil {
		return nil, err
	}
	needs := &Needs{}
	for _, s := range g.Reachable(target) {
		for _, i := range s.Instructions {
			line := 0
			if at := i.Location(); len(at) > 0 {
				line = at[0].Start.Line
			}
			needs.add(i.Command, line)
			if _, ok := i.Command.(*instructions.RunCommand); ok && g.isTargetPlatform(s) {
				needs.Runs = true
			}
		}
	}
	return needs, nil
}

// isTargetPlatform reports whether a stage is for the platform of the image, rather than that of FROM --platform.
func (g *Graph) isTargetPlatform(s *Stage) bool {
	for s.wanted == nil && s.Base != nil {
		s = s.Base
	}
	p := s.PlatformOr(g.Options.Platform)
	return p.OS == g.Options.Platform.OS && p.Architecture == g.Options.Platform.Architecture
}

func (n *Needs) add(c instructions.Command, line int) {
	switch command := c.(type) {
	case *instructions.AddCommand:
		for _, source := range command.SourcePaths {
			if IsURL(source) || IsGit(source) {
				n.Downloads = append(n.Downloads, Download{source, command.Checksum != "", line})
			}
		}
		n.demand(command.Chmod, len(command.ExcludePatterns) > 0, line)
	case *instructions.CopyCommand:
		n.demand(command.Chmod, command.Parents || len(command.ExcludePatterns) > 0, line)
	case *instructions.RunCommand:
		// Mounts are parsed when they are expanded. An invalid one is an error of the build.
		if err := command.Expand(func(word string) (string, error) { return word, nil }); err != nil {
			return
		}
		for _, mount := range instructions.GetMounts(command) {
			if id := secretID(mount); id != "" && !strings.Contains(id, "$") {
				n.Secrets = append(n.Secrets, SecretMount{id, mount.Required, line})
			}
		}
	}
}

// demand adds the features of an ADD or COPY. Package engine refuses them in the same versions; see its demands.
func (n *Needs) demand(chmod string, patterns bool, line int) {
	if patterns {
		n.Demands = append(n.Demands, Demand{"--exclude and --parents", "v0.9", "v23.0", line})
	}
	mode, err := strconv.ParseUint(chmod, 8, 32)
	switch {
	case chmod == "" || strings.Contains(chmod, "$"):
	case err != nil:
		n.Demands = append(n.Demands, Demand{"a symbolic --chmod", "v0.17", "v27.4", line})
	case mode > 0o777:
		n.Demands = append(n.Demands, Demand{"--chmod of setuid, setgid or sticky bits", "v0.13", "v26.0", line})
	}
}

// secretID returns the ID of a mounted secret, which is the name of its target by default, or "" for other mounts.
func secretID(mount *instructions.Mount) string {
	switch {
	case mount.Type != instructions.MountTypeSecret:
		return ""
	case mount.Source != "":
		return mount.Source
	case mount.CacheID != "":
		return mount.CacheID
	case mount.Target == "":
		return ""
	}
	return path.Base(mount.Target)
}
