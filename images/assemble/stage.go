package assemble

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/images/assemble/dockerfile"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"golang.org/x/sync/errgroup"
)

// A stage is a stage of the Dockerfile and what its instructions have made so far.
type stage struct {
	*dockerfile.Stage
	resolved  bool
	triggered bool
	state
}

// stage returns what s has become so far.
func (asm *assembly) stage(s *dockerfile.Stage) *stage {
	if asm.stages[s] == nil {
		asm.stages[s] = &stage{Stage: s}
	}
	return asm.stages[s]
}

// refuseProcesses reports, all at once, the instructions of needed stages that
// would have to run something.
func refuseProcesses(asm *assembly, needed []*dockerfile.Stage) error {
	var errs []error
	for _, s := range needed {
		for _, c := range s.Instructions {
			what := ""
			switch c := c.Command.(type) {
			case *instructions.RunCommand:
				what = "RUN starts a process"
				if err := checkRun(c); err != nil {
					errs = append(errs, asm.graph.At(c.Location(), err))
				}
			case *instructions.AddCommand:
				for _, source := range c.SourcePaths {
					if isGit(source) {
						what = "ADD of a git repository runs git"
					}
				}
			}
			if what == "" {
				continue
			}
			if c.Trigger != "" {
				what = fmt.Sprintf("ONBUILD %s, of the base %s: %s", c.Trigger, s.BaseName, what)
			}
			errs = append(errs, asm.graph.At(c.Location(), fmt.Errorf(
				"%s, which the embedded builder does not do, and the target needs stage %s; %s", what, s.Title(), dockerfile.OtherBuilders)))
		}
	}
	return errors.Join(errs...)
}

// checkRun judges the flags of a RUN, which is refused all the same: the mistake
// would come up with another builder. Flags with variables are not judged.
func checkRun(c *instructions.RunCommand) error {
	if strings.Contains(c.String(), "$") {
		return nil
	}
	return dockerfile.Plain(c.Expand(func(word string) (string, error) { return word, nil }))
}

// resolveAll reads the configs of the bases of all stages, several at a time,
// and reports all that cannot be.
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
		asm.checkPlatform(s) // in the Dockerfile's order
	}
	return errors.Join(errs...)
}

// needed returns the stages that target is made of, images first and then in the
// Dockerfile's order. The configs of their bases have been read, and the ONBUILD
// triggers of those have become commands.
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

// trigger puts the ONBUILD triggers of the base of s before its commands. It
// says whether they copy from stages that were not known to be needed.
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
