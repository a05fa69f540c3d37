package assemble

import (
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/slipway-build/slipway/images/assemble/dockerfile"
)

// refuseProcesses returns one error for all instructions of the needed stages that need
// a process.
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
					if dockerfile.IsGit(source) {
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

// checkRun checks the flags of a RUN. The RUN is refused anyway, but a mistake in its
// flags would fail in the other builders, too. Flags with variables are not checked.
func checkRun(c *instructions.RunCommand) error {
	if strings.Contains(c.String(), "$") {
		return nil
	}
	return dockerfile.Plain(c.Expand(func(word string) (string, error) { return word, nil }))
}
