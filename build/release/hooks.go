package release

import (
	"context"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/fetch"
	"github.com/slipway-build/slipway/build/hook"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/internal/parallel"
)

// fetch fetches the files of other projects.
func (r *Release) fetch(ctx context.Context) error {
	return parallel.Each(ctx, len(r.Plan.Fetches), r.options.Transfers(), func(i int) error {
		return r.fetcher().Fetch(ctx, r.fileOf(r.Plan.Fetches[i]))
	})
}

func (r *Release) fetcher() *fetch.Fetcher {
	return &fetch.Fetcher{Cache: filepath.Join(r.options.Cache, "fetch"), Offline: r.options.Offline}
}

func (r *Release) fileOf(s plan.FetchStep) fetch.File {
	return fetch.File{
		At: s.Source, URL: s.URL, SHA256: s.SHA256, Place: r.path(s.Path), Mode: config.Mode(s.Mode),
		Unpack: s.Unpack, Include: s.Include, Strip: s.Strip,
	}
}

func (r *Release) hookRunner() (*hook.Runner, error) {
	runner := &hook.Runner{
		Root: r.Config.Dir, Place: r.path, Records: filepath.Join(r.options.Cache, "hooks"), Ignore: []string{r.options.Cache},
		Environ: os.Environ(), Getenv: r.options.Getenv,
	}
	if r.options.Dist != "" {
		runner.Ignore = append(runner.Ignore, r.options.Dist)
	}
	for i, path := range runner.Ignore {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		runner.Ignore[i] = abs
	}
	return runner, nil
}

// runHooks runs hooks in order. It skips hooks that have already run, since all platforms of a binary may share one.
func (r *Release) runHooks(ctx context.Context, steps []plan.HookStep) error {
	runner, err := r.hookRunner()
	if err != nil {
		return err
	}
	for _, s := range steps {
		key, err := hashOf(s.Hook)
		if err != nil {
			return err
		}
		if r.hooked[key] {
			continue
		}
		if err := runner.Run(ctx, commandOf(s)); err != nil {
			return err
		}
		if r.hooked == nil {
			r.hooked = map[string]bool{}
		}
		r.hooked[key] = true
	}
	return nil
}

func commandOf(s plan.HookStep) hook.Hook {
	return hook.Hook{
		Name: s.Name, At: s.Source, Args: s.Run, Shell: s.Shell, Dir: s.Dir, Env: s.Env, Secrets: s.Secrets,
		Inputs: s.Inputs, Outputs: s.Outputs, Ignore: s.Ignore, Timeout: s.Limit(),
	}
}

// hooksOf collects the hooks of steps that of returns: those before, or those after a step.
func hooksOf[S any](steps []S, of func(S) []plan.HookStep) []plan.HookStep {
	var all []plan.HookStep
	for _, s := range steps {
		all = append(all, of(s)...)
	}
	return all
}
