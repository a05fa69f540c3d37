package config

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/internal/glob"
)

// Hooks are the commands before and after something is built.
type Hooks struct {
	Before []Hook `yaml:"before" json:"before,omitempty" doc:"commands to run before it is built, in order; see docs/hooks.md"`
	After  []Hook `yaml:"after" json:"after,omitempty" doc:"commands to run after it was built, in order"`
}

// A Hook is a command with its inputs and outputs; see build/hook.
type Hook struct {
	// Position is its location in slipway.yaml.
	Position Position `yaml:"-" json:"-"`

	Run     []string          `yaml:"run" json:"run,omitempty" expand:"platform windows name" doc:"program and arguments; no shell reads them" example:"[go, generate, ./...]"`
	Shell   string            `yaml:"shell" json:"shell,omitempty" expand:"platform windows name" doc:"instead of run: a script for sh -e -c, on Windows for cmd /c"`
	Dir     string            `yaml:"dir" json:"dir,omitempty" expand:"platform windows name" doc:"working folder; default: the project folder"`
	Env     map[string]string `yaml:"env" json:"env,omitempty" expand:"platform windows name" doc:"environment variables, in addition to the few that docs/hooks.md lists"`
	Secrets []string          `yaml:"secrets" json:"secrets,omitempty" doc:"names of environment variables to pass on, whose values are hidden in its output and do not affect whether it runs"`
	Inputs  []string          `yaml:"inputs" json:"inputs,omitempty" expand:"platform windows name" doc:"files, folders and patterns (*, **, !) that it reads: it is skipped if they and its outputs are unchanged; default: it always runs" example:"[\"charts/**\", \"!charts/**/*.md\"]"`
	Outputs []string          `yaml:"outputs" json:"outputs,omitempty" expand:"platform windows name" doc:"files, folders and patterns that it makes; it may change no other file of the project"`
	Ignore  []string          `yaml:"ignore" json:"ignore,omitempty" expand:"platform windows name" doc:"files, folders and patterns of the project that it may change without consequence, such as caches"`
	Timeout string            `yaml:"timeout" json:"timeout,omitempty" doc:"limit of its time, such as 90s or 10m; default: 1h"`
}

// hookTimeout is the default timeout of a hook.
const hookTimeout = time.Hour

// Limit returns the timeout of h.
func (h Hook) Limit() time.Duration {
	if d, err := time.ParseDuration(h.Timeout); err == nil { // Load has checked it
		return d
	}
	return hookTimeout
}

// hooks checks the hooks at path at. perPlatform means that they belong to something that depends on the platform.
func (v *validator) hooks(at string, hooks Hooks, perPlatform bool) {
	for key, list := range map[string][]Hook{"before": hooks.Before, "after": hooks.After} {
		for i, h := range list {
			v.hook(strings.TrimPrefix(fmt.Sprintf("%s.%s[%d]", at, key, i), "."), h, perPlatform)
		}
	}
}

// hook checks a hook. For perPlatform, see hooks.
func (v *validator) hook(path string, h Hook, perPlatform bool) {
	switch {
	case v.reportedBelow(path):
	case len(h.Run) == 0 && h.Shell == "":
		v.wrong(path, "missing command: want run, a program and its arguments, or shell, a script")
	case len(h.Run) > 0 && h.Shell != "":
		v.wrong(path, "want either run or shell: make each a hook of its own")
	case len(h.Run) > 0 && h.Run[0] == "":
		v.wrong(path+".run[0]", "is empty: want a program")
	}
	if h.Dir != "" {
		v.inside(path+".dir", h.Dir)
	}
	for key, patterns := range map[string][]string{"inputs": h.Inputs, "outputs": h.Outputs, "ignore": h.Ignore} {
		v.patterns(path+"."+key, patterns)
	}
	if h.Timeout != "" {
		if d, err := time.ParseDuration(h.Timeout); err != nil || d <= 0 {
			v.wrong(path+".timeout", "%q: want a time above zero, such as 90s, 10m or 1h30m", h.Timeout)
		}
	}
	v.hookVariables(path, h)
	if !perPlatform {
		v.noPlatform(path, h)
	}
}

// hookVariables checks the names of the variables and secrets of a hook.
func (v *validator) hookVariables(path string, h Hook) {
	for _, name := range slices.Sorted(maps.Keys(h.Env)) {
		if !expression.IsName(name) {
			v.wrongKey(path+".env."+name, "%q: want a name of letters, digits and _", name)
		}
		if slices.Contains(h.Secrets, name) {
			v.wrongKey(path+".env."+name, "%s is also a secret: remove one of them", name)
		}
	}
	for i, name := range h.Secrets {
		if name != "" && !expression.IsName(name) {
			v.wrong(fmt.Sprintf("%s.secrets[%d]", path, i), "%q: want the name of an environment variable, not its value", name)
		}
	}
}

// patterns checks patterns of files. They must be valid, and in the project.
func (v *validator) patterns(path string, patterns []string) {
	for i, p := range patterns {
		at := fmt.Sprintf("%s[%d]", path, i)
		positive, negated := strings.CutPrefix(p, "!")
		if positive == "" && !v.reportedBelow(at) {
			v.wrong(at, "is empty: want a file, a folder or a pattern")
			continue
		}
		if negated && i == 0 {
			v.wrong(at, "%q excludes files, but no pattern precedes it: put the pattern that it is an exception to first", p)
		}
		v.inside(at, positive)
		if _, err := glob.New(placeholders.Replace(positive)); err != nil {
			v.wrong(at, "%v", err)
		}
	}
}

// noPlatform reports platform variables in a hook that runs once for all platforms.
func (v *validator) noPlatform(path string, h Hook) {
	check := func(at, text string) {
		if parsed, err := expression.Parse(text); err == nil && len(parsed.Names()) > 0 {
			v.wrong(at, "${%s} differs by platform, and this hook runs once: make it a hook of a binary or an image", parsed.Names()[0])
		}
	}
	check(path+".shell", h.Shell)
	check(path+".dir", h.Dir)
	for key, list := range map[string][]string{"run": h.Run, "inputs": h.Inputs, "outputs": h.Outputs, "ignore": h.Ignore} {
		for i, text := range list {
			check(fmt.Sprintf("%s.%s[%d]", path, key, i), text)
		}
	}
	for name, text := range h.Env {
		check(path+".env."+name, text)
	}
}

// made reports whether a build, a hook of the project or fetch makes file, or a file below it, so that it need not
// exist yet.
func (v *validator) made(file string) bool {
	file = path.Clean(file)
	if file == "dist" || strings.HasPrefix(file, "dist/") {
		return true
	}
	for _, f := range v.config.Fetch {
		place := path.Clean(f.Path)
		if place == file || strings.HasPrefix(place, file+"/") || f.Unpack && strings.HasPrefix(file, place+"/") {
			return true
		}
	}
	for _, h := range v.config.Before {
		set, err := glob.New(h.Outputs...)
		below := func(output string) bool { return strings.HasPrefix(path.Clean(output), file+"/") }
		if err == nil && (set.Has(file) || slices.ContainsFunc(h.Outputs, below)) {
			return true
		}
	}
	return false
}
