package dockerfile

import (
	"path"
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

// Needs returns what the target fetches, and the secrets that it mounts. IDs with variables are left out. g cannot be used
// for anything else afterwards.
func (g *Graph) Needs() (downloads []Download, secrets []SecretMount, err error) {
	if err := g.ReadStages(); err != nil {
		return nil, nil, err
	}
	target, err := g.Target()
	if err != nil {
		return nil, nil, err
	}
	for _, s := range g.Reachable(target) {
		for _, i := range s.Instructions {
			line := 0
			if at := i.Location(); len(at) > 0 {
				line = at[0].Start.Line
			}
			switch command := i.Command.(type) {
			case *instructions.AddCommand:
				for _, source := range command.SourcePaths {
					if IsURL(source) || IsGit(source) {
						downloads = append(downloads, Download{source, command.Checksum != "", line})
					}
				}
			case *instructions.RunCommand:
				// Mounts are parsed when they are expanded. An invalid one is an error of the build.
				if err := command.Expand(func(word string) (string, error) { return word, nil }); err != nil {
					continue
				}
				for _, mount := range instructions.GetMounts(command) {
					if id := secretID(mount); id != "" && !strings.Contains(id, "$") {
						secrets = append(secrets, SecretMount{id, mount.Required, line})
					}
				}
			}
		}
	}
	return downloads, secrets, nil
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
