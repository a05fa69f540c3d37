package scaffold

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/scaffold/survey"
	"github.com/slipway-build/slipway/internal/usage"
)

// chooseModule decides which Go module is released: Module of the options, the only module with programs, the one in
// the root, or the user's answer.
func (p *project) chooseModule(ctx context.Context, o Options) error {
	if o.Module != "" {
		return p.findModule(o.Module)
	}
	var candidates []*survey.Module
	var dirs []string
	for _, m := range p.Modules {
		if slices.ContainsFunc(m.Mains, func(main survey.MainPackage) bool { return survey.Released(main.Dir) }) {
			candidates, dirs = append(candidates, m), append(dirs, m.Dir)
		}
	}
	switch root := slices.Index(dirs, "."); {
	case len(candidates) == 0:
		return nil
	case len(candidates) == 1 || len(p.converted.Binaries) > 0:
		p.module = candidates[max(0, root)]
	case root >= 0:
		p.module = candidates[root]
		for _, dir := range slices.Delete(dirs, root, root+1) {
			p.remark("not released: the programs of the Go module in " + dir)
		}
	default:
		chosen, err := "", io.EOF
		if o.Choose != nil {
			chosen, err = o.Choose(ctx, dirs)
		}
		if errors.Is(err, io.EOF) {
			return usage.Errorf("surveying %s: there are programs in several Go modules: choose one with --module: %s", p.Tree.Root, strings.Join(dirs, ", "))
		} else if err != nil {
			return err
		}
		return p.findModule(chosen)
	}
	return nil
}

// findModule selects the Go module in a folder.
func (p *project) findModule(dir string) error {
	var dirs []string
	for _, m := range p.Modules {
		if m.Dir == path.Clean(filepath.ToSlash(dir)) {
			p.module = m
			return nil
		}
		dirs = append(dirs, m.Dir)
	}
	return usage.Errorf("--module %s: it has no Go module: want one of %s", dir, cmp.Or(strings.Join(dirs, ", "), "none: missing go.mod"))
}
