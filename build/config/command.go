package config

import (
	"strings"
	"time"
)

// A Command is a command that runs once, after a release has been published.
type Command struct {
	// Position is its location in slipway.yaml.
	Position Position `yaml:"-" json:"-"`

	Run     []string          `yaml:"run" json:"run,omitempty" doc:"program and arguments, such as [aws, cloudfront, create-invalidation, …]; no shell reads them"`
	Shell   string            `yaml:"shell" json:"shell,omitempty" doc:"instead of run: a script for sh -e -c, on Windows for cmd /c"`
	Dir     string            `yaml:"dir" json:"dir,omitempty" doc:"working folder; default: the project folder"`
	Env     map[string]string `yaml:"env" json:"env,omitempty" doc:"environment variables, in addition to those of the release and the few that docs/hooks.md lists"`
	Secrets []string          `yaml:"secrets" json:"secrets,omitempty" doc:"names of environment variables to pass on, whose values are hidden in its output"`
	Timeout string            `yaml:"timeout" json:"timeout,omitempty" doc:"limit of its time, such as 90s or 10m; default: 1h"`
}

// String returns the command on one line.
func (c Command) String() string {
	return strings.Join(append(strings.Fields(c.Shell), c.Run...), " ")
}

// Limit returns the timeout of c.
func (c Command) Limit() time.Duration { return c.hook().Limit() }

// hook returns a hook with the keys of c.
func (c Command) hook() Hook {
	return Hook{Position: c.Position, Run: c.Run, Shell: c.Shell, Dir: c.Dir, Env: c.Env, Secrets: c.Secrets, Timeout: c.Timeout}
}
