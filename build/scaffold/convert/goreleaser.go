package convert

import (
	"cmp"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
)

// goreleaserFile has the keys of a goreleaser file that are read, for versions 1 and 2.
type goreleaserFile struct {
	Project  string `yaml:"project_name"`
	Before   struct{ Hooks []at[goreleaserHook] }
	Builds   []at[goreleaserBuild]
	Archives []at[goreleaserArchive]
	Nfpms    []at[goreleaserPackage]
	Checksum at[struct {
		Name string `yaml:"name_template"`
	}]
	Dockers   []at[goreleaserDocker]
	DockersV2 []at[goreleaserDockerV2] `yaml:"dockers_v2"`
	Manifests []at[goreleaserManifest] `yaml:"docker_manifests"`
	Kos       []at[goreleaserKo]
	Release   at[goreleaserRelease]
	Changelog struct {
		Use     string
		Disable any
	}
}

type goreleaserBuild struct {
	ID, Main, Dir, Binary, Builder, Buildmode    string
	Env, Flags, Ldflags, Tags, Asmflags, Gcflags list
	GOOS, GOARCH, GOARM, Targets                 list
	Skip                                         any
	Ignore                                       []goreleaserTarget
}

type goreleaserTarget struct{ GOOS, GOARCH, GOARM string }

type goreleaserRelease struct {
	GitHub     struct{ Owner, Name string }
	Draft      any
	Prerelease string
	MakeLatest string `yaml:"make_latest"`
	Name       string `yaml:"name_template"`
	Discussion string `yaml:"discussion_category_name"`
	Disable    any
}

// A goreleaserHook is a command, or a mapping with cmd.
type goreleaserHook struct{ Cmd string }

func (h *goreleaserHook) UnmarshalYAML(unmarshal func(any) error) error {
	if unmarshal(&h.Cmd) == nil {
		return nil
	}
	type mapping goreleaserHook
	return unmarshal((*mapping)(h))
}

func (c *Conversion) readGoreleaser(t *survey.Tree) error {
	var g goreleaserFile
	if err := c.readYAML(t, goreleaserKeys, &g); err != nil {
		return err
	}
	c.Project = g.Project
	for _, hook := range g.Before.Hooks {
		command := c.value(hook.line, "before.hooks", hook.value.Cmd)
		if command != "" && !strings.HasPrefix(command, "go mod ") {
			c.Before = append(c.Before, command)
		}
	}
	if len(g.Builds) == 0 {
		g.Builds = []at[goreleaserBuild]{{}}
	}
	for _, b := range g.Builds {
		c.goreleaserBuild(b)
	}
	for _, a := range g.Archives {
		c.goreleaserArchive(a)
	}
	for _, n := range g.Nfpms {
		c.goreleaserPackage(n)
	}
	if name := c.value(g.Checksum.line, "checksum.name_template", g.Checksum.value.Name); name != "" {
		c.Names["checksums"] = name
	}
	c.goreleaserRelease(g.Release, g.Changelog.Use != "" && !isTrue(g.Changelog.Disable))
	c.goreleaserImages(&g)
	for _, k := range g.Kos {
		c.goreleaserKo(k)
	}
	if slices.ContainsFunc(c.Binaries, func(b *draft.Binary) bool { return strings.Contains(strings.Join(b.Ldflags, " "), "${VERSION}") }) {
		c.Notes = append(c.Notes, "${VERSION} is the git tag with its v, and .Version of goreleaser the tag without it")
	}
	return nil
}

// isTrue reports whether a value is true. Templates are not.
func isTrue(value any) bool { return value == true || value == "true" }

func (c *Conversion) goreleaserRelease(r at[goreleaserRelease], generated bool) {
	c.Publish = !isTrue(r.value.Disable)
	if r.value.GitHub.Owner != "" && r.value.GitHub.Name != "" {
		c.GitHub = r.value.GitHub.Owner + "/" + r.value.GitHub.Name
	}
	set := func(key, value string, ok bool) {
		if ok {
			c.Release[key] = value
		}
	}
	set("draft", "true", isTrue(r.value.Draft))
	set("prerelease", r.value.Prerelease, slices.Contains([]string{"true", "false"}, r.value.Prerelease))
	set("make-latest", r.value.MakeLatest, slices.Contains([]string{"true", "false"}, r.value.MakeLatest))
	set("notes", "generate", generated)
	title := c.value(r.line, "release.name_template", r.value.Name)
	set("title", title, title != "")
	set("discussion", r.value.Discussion, r.value.Discussion != "")
}

// goreleaserPlatforms returns the platforms of a build. Systems that Slipway does not support become leftovers.
func (c *Conversion) goreleaserPlatforms(b at[goreleaserBuild]) []string {
	var platforms, others []string
	add := func(goos, goarch, goarm string) {
		p := goos + "/" + goarch
		if goarch == "arm" {
			p += "/v" + goarm
		}
		switch {
		case goos != "linux" && goos != "windows":
			others = survey.AppendNew(others, goos)
		case draft.IsPlatform(p):
			platforms = survey.AppendNew(platforms, p)
		}
	}
	for _, target := range b.value.Targets {
		if parts := strings.Split(target, "_"); len(parts) >= 2 {
			add(parts[0], parts[1], strings.Join(append(parts[2:], "6")[:1], ""))
		} else {
			c.leave(b.line, "builds[].targets: "+target, "write the platforms")
		}
	}
	if len(b.value.Targets) == 0 {
		for _, one := range b.value.matrix() {
			add(one.GOOS, one.GOARCH, one.GOARM)
		}
	}
	slices.Sort(others)
	for _, goos := range others {
		c.leave(b.line, "builds[].goos: "+goos, "Slipway releases for Linux and Windows")
	}
	return platforms
}

// matrix returns the combinations of systems and architectures that are not ignored.
func (b *goreleaserBuild) matrix() (all []goreleaserTarget) {
	for _, goos := range b.GOOS.or("linux", "darwin", "windows") {
		for _, goarch := range b.GOARCH.or("386", "amd64", "arm64") {
			goarms := []string{""}
			if goarch == "arm" {
				goarms = b.GOARM.or("6")
			}
			for _, goarm := range goarms {
				if !slices.ContainsFunc(b.Ignore, func(i goreleaserTarget) bool {
					return (i.GOOS == "" || i.GOOS == goos) && (i.GOARCH == "" || i.GOARCH == goarch) && (i.GOARM == "" || i.GOARM == goarm)
				}) {
					all = append(all, goreleaserTarget{goos, goarch, goarm})
				}
			}
		}
	}
	return all
}

// goreleaserBuild adds the binary of a build, unless it is only for unsupported systems.
func (c *Conversion) goreleaserBuild(g at[goreleaserBuild]) {
	if isTrue(g.value.Skip) {
		return
	}
	if g.value.Builder != "" && g.value.Builder != "go" {
		c.leave(g.line, "builds[].builder: "+g.value.Builder, "build it in before, and name it as prebuilt")
		return
	}
	name := c.value(g.line, "builds[].binary", g.value.Binary)
	folder, name := path.Split(name)
	b := &draft.Binary{
		Name: cmp.Or(name, c.Project), Folder: strings.TrimSuffix(folder, "/"), Module: path.Clean(cmp.Or(g.value.Dir, ".")),
		Package: survey.PackageOf(cmp.Or(g.value.Main, ".")), Release: true, Platforms: c.goreleaserPlatforms(g),
		Env: c.env(g.line, "builds[].env", g.value.Env), Tags: c.values(g.line, "builds[].tags", g.value.Tags),
		Asmflags: c.values(g.line, "builds[].asmflags", g.value.Asmflags), Gcflags: c.values(g.line, "builds[].gcflags", g.value.Gcflags),
	}
	if len(b.Platforms) == 0 {
		return
	}
	switch g.value.Buildmode {
	case "", "exe", "default":
	case "pie":
		b.Buildmode = "pie"
	default:
		c.leave(g.line, "builds[].buildmode: "+g.value.Buildmode, "programs are built, with pie or without")
	}
	for _, flag := range c.values(g.line, "builds[].flags", g.value.Flags) {
		if tags, ok := strings.CutPrefix(flag, "-tags="); ok {
			b.Tags = append(b.Tags, strings.Split(tags, ",")...)
		} else if flag != "-trimpath" && flag != "-v" {
			b.Flags = append(b.Flags, flag)
		}
	}
	c.linkerFlags(b, g.line, "builds[].ldflags", strings.Join(g.value.Ldflags.or("-s -w -X main.version={{.Version}} -X main.commit={{.Commit}} -X main.date={{.Date}}"), " "))
	c.Platforms = survey.AppendNew(c.Platforms, b.Platforms...)
	c.builds[g.value.ID] = build{c.addBinary(b, g.line), slices.Clone(b.Platforms)}
}

// addBinary adds a binary. If another binary differs only in its platforms, it adds the platforms to that one.
func (c *Conversion) addBinary(b *draft.Binary, line int) *draft.Binary {
	n := slices.IndexFunc(c.Binaries, func(o *draft.Binary) bool { return o.Name == b.Name })
	if n < 0 {
		c.Binaries = append(c.Binaries, b)
		return b
	}
	other := c.Binaries[n]
	same := *b
	if same.Platforms = other.Platforms; !reflect.DeepEqual(same, *other) {
		c.leave(line, "builds[]", "another build makes the same binary with other options: use overrides")
	}
	other.Platforms = survey.AppendNew(other.Platforms, b.Platforms...)
	return other
}
