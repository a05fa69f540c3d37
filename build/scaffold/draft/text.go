package draft

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Text returns the slipway.yaml.
func (d *Draft) Text() string {
	p := &page{}
	p.line("# yaml-language-server: $schema=%s", d.Schema)
	p.line("#")
	if d.From != "" {
		p.line("# The release of %s, converted from %s. `slipway plan` shows the resulting steps, `slipway build` runs", d.Project, d.From)
	} else {
		p.line("# The release of %s. `slipway plan` shows the resulting steps, `slipway build` runs", d.Project)
	}
	p.line("# them. Values may contain ${VERSION}, ${TAG}, ${COMMIT}, ${REGISTRY}, ${REPO}, ${PROJECT} and")
	p.line("# the variables in vars; per-platform values also ${OS}, ${ARCH} and ${PLATFORM} (linux-amd64).")
	p.doubt("", d.Doubts...)
	p.line("project: %s", literal(d.Project))
	p.line("")
	p.line("# Images are called registry/repository/name:TAG. REGISTRY and REPO in the environment override these.")
	p.line("registry: %s%s", literal(d.Registry), unsure(d.NameDoubt))
	p.line("repository: %s", literal(d.Repository))
	p.line("")
	d.version(p)
	d.variables(p)
	d.platforms(p)
	d.before(p)
	d.binaries(p)
	d.images(p)
	d.bundles(p)
	d.publish(p)
	d.names(p)
	d.remarks(p)
	return p.String()
}

func (d *Draft) version(p *page) {
	p.line("# The version is TAG in the environment, else the git tag on HEAD, else that of the nearest earlier tag with")
	p.line("# +dev.<commits since>.<commit>[-dirty].")
	if d.TagPrefix != "" {
		p.line("version:")
		p.line("  tag-prefix: %s", literal(d.TagPrefix))
	} else {
		p.line("# version:")
		p.line("#   base: v0.1.0 # of untagged commits, instead of the nearest tag")
	}
	if d.VersionDoubt != "" {
		p.doubt("", d.VersionDoubt)
	}
}

func (d *Draft) variables(p *page) {
	p.line("")
	if len(d.Env) > 0 {
		p.line("# Environment variables that values refer to: %s.", strings.Join(d.Env, ", "))
	}
	p.line("# An environment variable of the same name overrides a variable.")
	if len(d.Vars) == 0 {
		p.line("# vars:")
		p.line("#   PAUSE_VERSION: 3.10.2")
		return
	}
	p.line("vars:")
	for _, name := range slices.Sorted(maps.Keys(d.Vars)) {
		p.line("  %s: %s", name, scalar(d.Vars[name]))
	}
}

func (d *Draft) platforms(p *page) {
	p.line("")
	p.line("platforms: [%s]%s", strings.Join(d.Platforms, ", "), unsure(d.PlatformsDoubt))
	if len(d.Windows) == 0 {
		p.line("# windows: # the versions that images for Windows are made for")
		p.line("#   ltsc2022: %s", knownWindows["ltsc2022"])
		p.line("#   ltsc2025: %s", knownWindows["ltsc2025"])
		return
	}
	p.line("")
	p.line("# The exact os.version of each Windows version, by which base images are selected.")
	p.line("windows:")
	for _, name := range d.Windows {
		key := name
		if name == "1809" {
			key = `"1809"`
		}
		p.line("  %s: %s", key, knownWindows[name])
	}
}

// before writes the hooks of the project. Their outputs are unknown, so each of them needs a look.
func (d *Draft) before(p *page) {
	if len(d.Before) == 0 {
		return
	}
	p.line("")
	p.line("# Commands that run before it is built.")
	p.line("before:")
	for _, hook := range d.Before {
		p.line("  - shell: %s", scalar(hook.Command))
		switch made := d.missing(); {
		case len(hook.Outputs) > 0:
			p.line("    outputs: %s", list(hook.Outputs))
		case len(d.Before) == 1 && len(made) > 0:
			p.line("    outputs: %s # unsure: these are files of bundles; name all that it makes", list(made))
		default:
			p.line("    # unsure: name the files that it makes under outputs, or it is an error that it makes them")
		}
	}
}

func (d *Draft) names(p *page) {
	if len(d.Names) == 0 {
		return
	}
	p.line("")
	p.line("names:")
	for _, key := range slices.Sorted(maps.Keys(d.Names)) {
		p.line("  %s: %s", key, scalar(d.Names[key]))
	}
}

// publish writes the destinations: a release on GitHub if another tool's file has one, else an OCI artifact beside the
// images, which needs no login besides theirs.
func (d *Draft) publish(p *page) {
	github := d.GitHub
	if github == "" {
		github = "owner/name"
	}
	p.line("")
	if len(d.active()) > 0 {
		p.line("# Destinations of publish. Images go to the registry above unless a destination is a registry.")
	} else {
		p.line("# Destinations of publish.")
	}
	switch {
	case d.Publish && len(d.Release) > 0:
		p.line("publish:")
		p.line("  - github:")
		p.line("      repository: %s", literal(github))
		for _, key := range slices.Sorted(maps.Keys(d.Release)) {
			p.line("      %s: %s", key, scalarOrWord(d.Release[key]))
		}
	case d.Publish:
		p.line("publish:")
		p.line("  - github: %s", literal(github))
	case len(d.active()) > 0:
		p.line("publish:")
		p.line("  - oci: \"${REGISTRY}/${REPO}/%s-artifacts\" # archives, lists, binaries and checksums", d.Project)
		p.line("#  - github: %s", github)
	default:
		p.line("# publish:")
		p.line("#   - github: %s", github)
	}
}

// remarks writes the remarks.
func (d *Draft) remarks(p *page) {
	if len(d.Remarks) > 0 {
		p.line("")
	}
	for _, remark := range d.Remarks {
		p.line("# %s", oneLine(remark))
	}
	if len(d.Leftovers) == 0 {
		return
	}
	p.line("")
	p.line("# What of %s was not converted:", d.From)
	slices.SortStableFunc(d.Leftovers, func(a, b Leftover) int { return a.Line - b.Line })
	var written []string
	for _, l := range d.Leftovers {
		place := d.From
		if l.Line > 0 {
			place += fmt.Sprintf(":%d", l.Line)
		}
		line := fmt.Sprintf("# not converted: %s: %s", place, oneLine(l.Key+": "+l.Why))
		if !slices.Contains(written, line) {
			written = append(written, line)
			p.line("%s", line)
		}
	}
}
