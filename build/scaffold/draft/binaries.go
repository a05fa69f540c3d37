package draft

import (
	"strings"
)

func (d *Draft) binaries(p *page) {
	if len(d.Binaries) == 0 {
		return
	}
	p.line("")
	p.line("# Compiled to dist/bin/<os>-<arch>/. Binaries with release, and the one with the project's name,")
	p.line("# are also separate artifacts.")
	p.line("binaries:")
	for _, b := range d.Binaries {
		p.line("  - name: %s", literal(b.Name))
		if b.Module != "." {
			p.line("    module: %s", literal(b.Module))
		}
		p.line("    package: %s", literal(b.Package))
		if len(b.Platforms) > 0 {
			p.line("    platforms: [%s]", strings.Join(b.Platforms, ", "))
		}
		if b.Release {
			p.line("    release: true")
		}
		if len(b.Tags) > 0 {
			p.line("    tags: %s", list(b.Tags))
		}
		switch {
		case len(b.Ldflags) == 0:
		case len(b.Ldflags) <= 3:
			p.line("    ldflags: %s", quoted(b.Ldflags))
		default:
			p.line("    ldflags:")
			for _, flag := range b.Ldflags {
				p.line("      - %s", scalar(flag))
			}
		}
		for _, l := range []struct {
			key   string
			flags []string
		}{{"flags", b.Flags}, {"gcflags", b.Gcflags}, {"asmflags", b.Asmflags}} {
			if len(l.flags) > 0 {
				p.line("    %s: %s", l.key, quoted(l.flags))
			}
		}
		if b.Buildmode != "" {
			p.line("    buildmode: %s", b.Buildmode)
		}
		p.doubt("    ", b.Doubts...)
		if len(b.Env) > 0 {
			p.line("    env: %s", mapping(b.Env))
		} else {
			p.line(`    # env: {CGO_ENABLED: "1"} # 0 unless set`)
		}
	}
}
