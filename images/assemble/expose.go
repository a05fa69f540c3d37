package assemble

import (
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/images/assemble/dockerfile"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

func (s *stage) expose(c *instructions.ExposeCommand, file *dockerfile.File, lex *shell.Lex, lint *linter.Linter) error {
	var all []string
	for _, word := range c.Ports {
		words, err := file.ExpandWords(lex, word, s.env)
		if err != nil {
			return err
		}
		for _, w := range words {
			ports, err := dockerfile.ParsePorts(w)
			if err != nil {
				return fmt.Errorf("EXPOSE %s: %w", w, err)
			}
			if _, proto, _ := strings.Cut(w, "/"); proto != strings.ToLower(proto) {
				lint.Run(&linter.RuleExposeProtoCasing, c.Location(), linter.RuleExposeProtoCasing.Format(w))
			}
			if strings.Contains(w, ":") {
				lint.Run(&linter.RuleExposeInvalidFormat, c.Location(), linter.RuleExposeInvalidFormat.Format(w))
			}
			all = append(all, ports...)
		}
	}
	if s.image.Config.ExposedPorts == nil {
		s.image.Config.ExposedPorts = map[string]struct{}{}
	}
	for _, port := range all {
		s.image.Config.ExposedPorts[port] = struct{}{}
	}
	s.record(fmt.Sprintf("EXPOSE %v", all), false)
	return nil
}
