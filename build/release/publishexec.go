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

// checkCommand returns an error if a command cannot run.
func (p *publication) checkCommand(d config.Destination) error {
	runner, err := p.hookRunner()
	if err != nil {
		return err
	}
	return runner.Check(p.command(d))
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
func (p *publication) command(d config.Destination) hook.Hook {
	c, r := d.Exec, p.Plan.Release
	env := map[string]string{
		"PROJECT": p.Plan.Project, "VERSION": r.Version, "TAG": r.Tag, "MAJOR": r.Major, "MINOR": r.Minor, "PATCH": r.Patch, "COMMIT": r.Commit,
		"SOURCE_DATE_EPOCH": strconv.FormatInt(r.Epoch.Unix(), 10),
		"ARTIFACTS":         p.path("dist/artifacts"), "REPORT": p.path(output.ReportFile),
	}
	maps.Copy(env, c.Env)
	return hook.Hook{Name: "publish", At: fmt.Sprint(c.Position), Args: c.Run, Shell: c.Shell, Dir: c.Dir, Env: env, Secrets: c.Secrets,
		Ignore: []string{"**"}, Timeout: c.Limit()}
}
