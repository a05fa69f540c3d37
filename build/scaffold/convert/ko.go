package convert

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
)

// koKeys maps the keys of ko to their counterparts.
var koKeys = []tableKey{
	{Name: "defaultBaseImage", Becomes: "FROM in the Dockerfile that `slipway init` writes"},
	{Name: "baseImageOverrides", Becomes: "FROM in the Dockerfile of this import path", All: true},
	{Name: "defaultPlatforms", Becomes: "`platforms`"},
	{Name: "defaultEnv", Becomes: "`binaries[].env`"},
	{Name: "defaultFlags", Becomes: "`binaries[].flags`; `-trimpath` is always set"},
	{Name: "defaultLdflags", Becomes: "`binaries[].ldflags`"},
	{Name: "builds", Becomes: "`binaries` and `images`"},
	{Name: "builds[].id", Becomes: "`binaries[].name` and `images[].name`"},
	{Name: "builds[].dir", Becomes: "`binaries[].module`"},
	{Name: "builds[].main", Becomes: "`binaries[].package`"},
	{Name: "builds[].env", Becomes: "`binaries[].env`"},
	{Name: "builds[].flags", Becomes: "`binaries[].flags`; `-trimpath` is always set"},
	{Name: "builds[].ldflags", Becomes: "`binaries[].ldflags`"},
	{Name: "builds[].linux_capabilities", Becomes: "`setcap` in a RUN of the Dockerfile, with another builder", Open: true, All: true},
	{Name: "linux_capabilities", Becomes: "`setcap` in a RUN of the Dockerfile, with another builder", Open: true, All: true},
	{Name: "verification", Becomes: "`slipway.lock` has the digests of base images", Open: true, All: true},
}

// koBase is ko's default base image.
const koBase = "cgr.dev/chainguard/static"

// koFile has the keys of ko's file that are read.
type koFile struct {
	Base      string            `yaml:"defaultBaseImage"`
	Overrides map[string]string `yaml:"baseImageOverrides"`
	Platforms list              `yaml:"defaultPlatforms"`
	Env       list              `yaml:"defaultEnv"`
	Flags     list              `yaml:"defaultFlags"`
	Ldflags   list              `yaml:"defaultLdflags"`
	Builds    []at[koBuild]
}

type koBuild struct {
	ID, Dir, Main       string
	Env, Flags, Ldflags list
}

func (c *Conversion) readKo(t *survey.Tree) error {
	var k koFile
	if err := c.readYAML(t, koKeys, &k); err != nil {
		return err
	}
	c.Base, c.BaseOverrides = cmp.Or(k.Base, koBase), k.Overrides
	for _, p := range k.Platforms {
		if draft.IsPlatform(p) {
			c.Platforms = survey.AppendNew(c.Platforms, p)
		}
	}
	for _, one := range k.Builds {
		build := one.value
		b := &draft.Binary{Name: build.ID, Module: path.Clean(cmp.Or(build.Dir, ".")), Package: survey.PackageOf(cmp.Or(build.Main, ".")), Release: true,
			Env: c.env(one.line, "builds[].env", append(slices.Clone(k.Env), build.Env...))}
		for _, flag := range c.values(one.line, "builds[].flags", build.Flags.or(k.Flags...)) {
			if flag != "-trimpath" && flag != "-v" {
				b.Flags = append(b.Flags, flag)
			}
		}
		for _, flags := range build.Ldflags.or(k.Ldflags...) {
			if env := strings.ReplaceAll(flags, " ", ""); strings.HasPrefix(env, "{{.Env.") && strings.HasSuffix(env, "}}") {
				c.leave(one.line, "builds[].ldflags: "+flags, "the environment has them: write them out, or see what is there already")
				continue
			}
			c.linkerFlags(b, one.line, "builds[].ldflags", flags)
		}
		c.Binaries = append(c.Binaries, b)
	}
	return nil
}

// koImage adds the image that ko makes from a binary: the base image, with the binary as
// /ko-app/NAME.
func (c *Conversion) koImage(b *draft.Binary, base string, platforms list) *Image {
	i := newImage("")
	i.Base, i.Program = cmp.Or(base, koBase), b
	for _, p := range platforms {
		if draft.IsPlatform(p) {
			i.Variants[0].Platforms = append(i.Variants[0].Platforms, p)
		}
	}
	c.Images = append(c.Images, i)
	return i
}
