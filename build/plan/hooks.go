package plan

import (
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/config/expression"
)

// A FetchStep fetches a file of another project.
type FetchStep struct {
	// Source is its position in slipway.yaml, as file:line:column.
	Source string `json:"source"`
	config.Fetch
}

// fetches plans the files to fetch.
func fetches(all []config.Fetch) []FetchStep {
	var steps []FetchStep
	for _, f := range all {
		steps = append(steps, FetchStep{Source: f.Position.String(), Fetch: f})
	}
	return steps
}

// Hooks are the commands around a step.
type Hooks struct {
	Before []HookStep `json:"before,omitempty"`
	After  []HookStep `json:"after,omitempty"`
}

// A HookStep runs a command. Two that differ only in Name and Source count as one, which runs once.
type HookStep struct {
	// Name is the key of the hook, and Source its position in slipway.yaml, as file:line:column.
	Name   string `json:"name"`
	Source string `json:"source"`
	config.Hook
}

// hooks plans the hooks of a binary, image or project; owner is its name in messages. vars are the
// platform variables; nil means none.
func hooks(owner string, of config.Hooks, vars map[string]string) Hooks {
	plan := func(when string, hooks []config.Hook) []HookStep {
		var steps []HookStep
		for i, h := range hooks {
			name := fmt.Sprintf("%s[%d]", when, i)
			h.Run, h.Inputs, h.Outputs, h.Ignore = expandSome(h.Run, vars), expandSome(h.Inputs, vars), expandSome(h.Outputs, vars), expandSome(h.Ignore, vars)
			h.Shell, h.Dir, h.Env = expression.Expand(h.Shell, vars), expression.Expand(h.Dir, vars), expandMap(h.Env, vars)
			steps = append(steps, HookStep{Name: strings.TrimSpace(owner + " " + name), Source: h.Position.String(), Hook: h})
		}
		return steps
	}
	return Hooks{Before: plan("before", of.Before), After: plan("after", of.After)}
}

// HookSteps returns all hooks of the plan.
func (p *Plan) HookSteps() []HookStep {
	all := []Hooks{p.Hooks}
	for _, s := range p.Binaries {
		all = append(all, s.Hooks)
	}
	for _, s := range p.Images {
		all = append(all, s.Hooks)
	}
	var before, after []HookStep
	for _, h := range all {
		before, after = append(before, h.Before...), append(h.After, after...)
	}
	return append(before, after...)
}
