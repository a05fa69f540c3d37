package assemble

import (
	"fmt"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/slipway-build/slipway/images/assemble/dockerfile"
)

func (s *stage) expose(c *instructions.ExposeCommand, file *dockerfile.File, lex *shell.Lex, lint *linter.Linter) error {
	ports, err := file.Ports(lex, c, s.env, lint)
	if err != nil {
		return err
	}
	if s.image.Config.ExposedPorts == nil {
		s.image.Config.ExposedPorts = map[string]struct{}{}
	}
	for _, port := range ports {
		s.image.Config.ExposedPorts[port] = struct{}{}
	}
	s.record(fmt.Sprintf("EXPOSE %v", ports), false)
	return nil
}
