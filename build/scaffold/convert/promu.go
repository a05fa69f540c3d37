package convert

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
)

// promuKeys maps the keys of promu, the build tool of Prometheus, to their counterparts.
var promuKeys = []tableKey{
	{Name: "go", Becomes: "nothing: the toolchain is that of go.mod"},
	{Name: "go.version", Becomes: "nothing: the toolchain is that of go.mod"},
	{Name: "go.cgo", Becomes: "`binaries[].env: {CGO_ENABLED: \"1\"}`, which needs a C compiler for each platform", Open: true},
	{Name: "repository", Becomes: "nothing: it is the path of the Go module", All: true},
	{Name: "build", Becomes: "`binaries`"},
	{Name: "build.binaries", Becomes: "`binaries`: name and package", All: true},
	{Name: "build.ldflags", Becomes: "`binaries[].ldflags`, without the name of the user"},
	{Name: "build.flags", Becomes: "`binaries[].flags`, and `tags` of `-tags`"},
	{Name: "build.tags", Becomes: "`binaries[].tags` or `binaries[].overrides`", Open: true, All: true},
	{Name: "tarball", Becomes: "`bundles`"},
	{Name: "tarball.prefix", Becomes: "nothing: it is a path of the build machine"},
	{Name: "tarball.files", Becomes: "`bundles[].files`"},
	{Name: "crossbuild", Becomes: "`platforms`"},
	{Name: "crossbuild.platforms", Becomes: "`platforms`; other systems than Linux and Windows are left out"},
}

func (c *Conversion) readPromu(t *survey.Tree) error {
	var p struct {
		Build at[struct {
			Binaries       []struct{ Name, Path string }
			Ldflags, Flags string
		}]
		Tarball    struct{ Files list }
		Crossbuild at[struct{ Platforms list }]
	}
	if err := c.readYAML(t, promuKeys, &p); err != nil {
		return err
	}
	for _, one := range p.Build.value.Binaries {
		b := &draft.Binary{Name: one.Name, Package: survey.PackageOf(cmp.Or(one.Path, ".")), Module: ".", Release: true, Ldflags: []string{"-s", "-w"}}
		c.linkerFlags(b, p.Build.line, "build.ldflags", promuUser(p.Build.value.Ldflags))
		for _, flag := range strings.Fields(p.Build.value.Flags) {
			if tags, ok := strings.CutPrefix(flag, "-tags="); ok {
				b.Tags = append(b.Tags, strings.Split(tags, ",")...)
			} else if flag != "-a" && flag != "-trimpath" {
				b.Flags = append(b.Flags, flag)
			}
		}
		c.Binaries = append(c.Binaries, b)
	}
	for _, text := range p.Crossbuild.value.Platforms {
		platform, goos := promuPlatform(text)
		switch {
		case goos != "linux" && goos != "windows":
			c.leave(p.Crossbuild.line, "crossbuild.platforms: "+text, "Slipway releases for Linux and Windows")
		case platform == "":
			c.Platforms = survey.AppendNew(c.Platforms, map[string][]string{"linux": {"linux/amd64", "linux/arm64"}, "windows": {"windows/amd64"}}[goos]...)
		case draft.IsPlatform(platform):
			c.Platforms = survey.AppendNew(c.Platforms, platform)
		}
	}
	if len(p.Tarball.Files) > 0 {
		b := draft.Bundle{}
		for _, f := range p.Tarball.Files {
			b.Files = append(b.Files, draft.File{Source: path.Clean(f)})
		}
		c.Bundles = append(c.Bundles, b)
	}
	return nil
}

// promuUser removes flags with the name of the user, since releases are the same on every machine.
func promuUser(flags string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(flags, "\n"), func(line string) bool { return strings.Contains(line, "{{user}}") }), " ")
}

// promuPlatform returns a platform in Slipway's spelling, and its system. A system alone means all of its
// architectures; the platform is then empty.
func promuPlatform(text string) (platform, goos string) {
	goos, _, isPlatform := strings.Cut(text, "/")
	if !isPlatform {
		return "", goos
	}
	return strings.Replace(text, "/armv", "/arm/v", 1), goos
}
