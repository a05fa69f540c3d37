package assemble

import (
	"context"
	"errors"
	"fmt"

	"github.com/slipway-build/slipway/images/assemble/dockerfile"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"golang.org/x/sync/errgroup"
)

// A stage is a stage of the Dockerfile with the results of its instructions so far.
type stage struct {
	*dockerfile.Stage
	resolved  bool
	triggered bool
	state
}

// stage returns the stage for s, and creates it on the first call.
func (asm *assembly) stage(s *dockerfile.Stage) *stage {
	if asm.stages[s] == nil {
		asm.stages[s] = &stage{Stage: s}
	}
	return asm.stages[s]
}

// resolveAll reads the configs of the bases of the needed stages, in parallel, and
// returns all errors.
func (asm *assembly) resolveAll(ctx context.Context, needed []*dockerfile.Stage) error {
	var all []*stage
	for _, n := range needed {
		if s := asm.stage(n); s.Base == nil && !s.resolved {
			all = append(all, s)
		}
	}
	errs := make([]error, len(all))
	var group errgroup.Group
	group.SetLimit(8) // registries throttle
	for i, s := range all {
		s.resolved = true
		group.Go(func() error {
			errs[i] = asm.graph.At(s.Location, asm.resolveBase(ctx, s))
			return nil
		})
	}
	group.Wait()
	for _, s := range all {
		asm.checkPlatform(s) // here, for the order of the Dockerfile
	}
	return errors.Join(errs...)
}

// needed returns the stages that target depends on: images first, then stages in the
// order of the Dockerfile. It reads the configs of their bases and adds the bases'
// ONBUILD triggers to the instructions.
func (asm *assembly) needed(ctx context.Context, target *dockerfile.Stage) ([]*dockerfile.Stage, error) {
	for {
		all := asm.graph.Reachable(target)
		if err := asm.resolveAll(ctx, all); err != nil {
			return nil, err
		}
		more := false
		for _, s := range all {
			added, err := asm.trigger(asm.stage(s))
			if err != nil {
				return nil, asm.graph.At(s.Location, err)
			}
			more = more || added
		}
		if !more {
			return all, nil
		}
		if err := asm.graph.RefuseCircles(); err != nil {
			return nil, err
		}
	}
}

// trigger puts the ONBUILD triggers of the base of s before the instructions of s. It
// returns true if they copy from stages that may not yet be known to be needed.
func (asm *assembly) trigger(s *stage) (more bool, err error) {
	if s.triggered || s.Index < 0 {
		return false, nil
	}
	s.triggered = true
	var triggers []string
	if s.Base != nil {
		for _, c := range s.Base.Instructions {
			if onbuild, ok := c.Command.(*instructions.OnbuildCommand); ok {
				triggers = append(triggers, onbuild.Expression)
			}
		}
	} else {
		triggers = s.image.Config.OnBuild
		s.image.Config.OnBuild = nil
	}
	var commands []dockerfile.Instruction
	for _, text := range triggers {
		c, err := asm.graph.ParseTrigger(s.Stage, text)
		if err != nil {
			return false, fmt.Errorf("ONBUILD %s, of the base %s: %w", text, s.BaseName, dockerfile.Plain(err))
		}
		more = more || c.From != nil
		commands = append(commands, c)
	}
	s.Instructions = append(commands, s.Instructions...)
	return more, nil
}
