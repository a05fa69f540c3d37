package release

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/hook"
	"github.com/slipway-build/slipway/build/output"
)

// commands returns the destinations that are commands, which run after all others.
func (p *publication) commands() []config.Destination {
	return slices.DeleteFunc(p.artifactDestinations(), func(d config.Destination) bool { return d.Exec.String() == "" })
}

// CheckCommand returns an error if the command of a destination cannot run.
func (r *Release) CheckCommand(d config.Destination) error {
	runner, err := r.hookRunner()
	if err != nil {
		return err
	}
	return runner.Check(r.command(d))
}

// runCommands runs the commands one after another, and stops at the first error.
func (p *publication) runCommands(ctx context.Context) error {
	for _, d := range p.commands() {
		runner, err := p.hookRunner()
		if err != nil {
			return err
		}
		if err := runner.Run(ctx, p.command(d)); err != nil {
			return err
		}
		p.published.add(Made{Kind: "command", Name: p.Plan.Project, Ref: d.Exec.String()})
	}
	return nil
}

// command returns a command as a hook that may change any file, with the variables of the release.
func (r *Release) command(d config.Destination) hook.Hook {
	c, v := d.Exec, r.Plan.Release
	env := map[string]string{
		"PROJECT": r.Plan.Project, "VERSION": v.Version, "TAG": v.Tag, "MAJOR": v.Major, "MINOR": v.Minor, "PATCH": v.Patch, "COMMIT": v.Commit,
		"SOURCE_DATE_EPOCH": strconv.FormatInt(v.Epoch.Unix(), 10),
		"ARTIFACTS":         r.path("dist/artifacts"), "REPORT": r.path(output.ReportFile),
	}
	maps.Copy(env, c.Env)
	return hook.Hook{Name: "publish", At: fmt.Sprint(c.Position), Args: c.Run, Shell: c.Shell, Dir: c.Dir, Env: env, Secrets: c.Secrets,
		Ignore: []string{"**"}, Timeout: c.Limit()}
}
