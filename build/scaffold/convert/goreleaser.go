package convert

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
)

// goreleaserFile is what is read of a goreleaser file, versions 1 and 2.
type goreleaserFile struct {
	Project string `yaml:"project_name"`
	Before  struct {
		Hooks []yaml.Node `yaml:"hooks"`
	} `yaml:"before"`
	Builds   []goreleaserBuild   `yaml:"builds"`
	Archives []goreleaserArchive `yaml:"archives"`
	Nfpms    []goreleaserNfpm    `yaml:"nfpms"`
	Checksum struct {
		Name string `yaml:"name_template"`
	} `yaml:"checksum"`
	Dockers   []goreleaserDocker   `yaml:"dockers"`
	DockersV2 []goreleaserDockerV2 `yaml:"dockers_v2"`
	Release   struct {
		GitHub struct{ Owner, Name string } `yaml:"github"`
	} `yaml:"release"`
}

type goreleaserBuild struct {
	ID, Main, Dir, Binary, Builder string
	Env, Flags, Ldflags, Tags      stringList
	GOOS, GOARCH, GOARM, Targets   stringList
	Skip                           any
	Ignore                         []struct{ GOOS, GOARCH, GOARM string }
}

type goreleaserArchive struct {
	Format  string      `yaml:"format"`
	Formats stringList  `yaml:"formats"`
	Name    string      `yaml:"name_template"`
	Files   []yaml.Node `yaml:"files"`
}

type goreleaserNfpm struct {
	Formats                                                     stringList
	Maintainer, Description, Homepage, License, Vendor, Section string
	Dependencies, Recommends, Conflicts, Provides, Replaces     stringList
	Contents                                                    []struct{ Src, Dst, Type string }
	Scripts                                                     map[string]string
	Bindir                                                      string
}

type goreleaserDocker struct {
	Dockerfile string     `yaml:"dockerfile"`
	GOOS       string     `yaml:"goos"`
	GOARCH     string     `yaml:"goarch"`
	Images     stringList `yaml:"image_templates"`
	Extra      stringList `yaml:"extra_files"`
	Flags      stringList `yaml:"build_flag_templates"`
}

type goreleaserDockerV2 struct {
	Dockerfile string            `yaml:"dockerfile"`
	Images     stringList        `yaml:"images"`
	Platforms  stringList        `yaml:"platforms"`
	Extra      stringList        `yaml:"extra_files"`
	Args       map[string]string `yaml:"build_args"`
	Labels     map[string]string `yaml:"labels"`
}

// A stringList is text or a list of texts.
type stringList []string

func (l *stringList) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*l = stringList{node.Value}
		return nil
	}
	for _, item := range node.Content {
		*l = append(*l, item.Value)
	}
	return nil
}

// goreleaserKeys says what becomes of each key: "" if it is converted or is what Slipway does anyway.
var goreleaserKeys = map[string]string{
	"version": "", "project_name": "", "dist": "the folder is dist, or --out", "before": "", "before.hooks": "", "before.hooks.*": "",
	"env":    "write variables under vars, or env of a binary",
	"builds": "", "builds[].id": "", "builds[].main": "", "builds[].dir": "", "builds[].binary": "", "builds[].env": "", "builds[].flags": "",
	"builds[].ldflags": "", "builds[].tags": "", "builds[].goos": "", "builds[].goarch": "", "builds[].goarm": "", "builds[].targets": "",
	"builds[].ignore": "", "builds[].ignore.*": "", "builds[].skip": "", "builds[].mod_timestamp": "", "builds[].builder": "",
	"builds[].hooks": "write before and after of the binary", "builds[].goamd64": "write linux/amd64/v2 and the like under platforms",
	"gomod": "", "gomod.*": "", "metadata": "", "metadata.*": "", "report_sizes": "", "snapshot": "an untagged build has version.base+dev.COMMIT", "git": "version.pattern selects git tags",
	"archives": "", "archives[].id": "", "archives[].ids": "every bundle has all binaries", "archives[].builds": "every bundle has all binaries",
	"archives[].format": "", "archives[].formats": "", "archives[].name_template": "", "archives[].files": "", "archives[].files.*": "",
	"archives[].format_overrides": "", "archives[].format_overrides.*": "", "archives[].builds_info": "", "archives[].builds_info.*": "",
	"nfpms": "", "nfpms[].id": "", "nfpms[].formats": "", "nfpms[].maintainer": "", "nfpms[].description": "", "nfpms[].homepage": "",
	"nfpms[].license": "", "nfpms[].vendor": "", "nfpms[].section": "", "nfpms[].dependencies": "", "nfpms[].recommends": "",
	"nfpms[].conflicts": "", "nfpms[].provides": "", "nfpms[].replaces": "", "nfpms[].contents": "", "nfpms[].contents.*": "",
	"nfpms[].scripts": "", "nfpms[].scripts.*": "", "nfpms[].bindir": "", "nfpms[].mtime": "", "nfpms[].package_name": "the package is named after the bundle",
	"nfpms[].file_name_template": "names.bundle is the name of all bundles",
	"checksum":                   "", "checksum.name_template": "", "checksum.algorithm": "checksums are SHA-256",
	"dockers": "", "dockers[].*": "", "dockers_v2": "", "dockers_v2[].id": "", "dockers_v2[].ids": "", "dockers_v2[].dockerfile": "", "dockers_v2[].images": "",
	"dockers_v2[].platforms": "", "dockers_v2[].extra_files": "", "dockers_v2[].build_args": "", "dockers_v2[].build_args.*": "", "dockers_v2[].labels": "", "dockers_v2[].labels.*": "",
	"dockers_v2[].tags": "images are tagged with TAG", "dockers_v2[].annotations": "write annotations of the image",
	"docker_manifests": "", "docker_manifests.*": "",
	"kos":     "Slipway builds images from Dockerfiles: FROM the base image, COPY --from=bin the binary, ENTRYPOINT",
	"release": "", "release.github": "", "release.github.*": "", "release.draft": "a release is a draft until it is complete, and then published",
	"release.prerelease": "a version with a pre-release part is published as one",
	"changelog":          "write the notes of the release by hand", "signs": "sign in after: of the project", "docker_signs": "sign after publish, by digest",
	"sboms": "make them in after: of the project", "upx": "write after of the binary", "universal_binaries": "for macOS", "notarize": "for macOS",
}

func readGoreleaser(t *survey.Tree, file string) (*Conversion, error) {
	var g goreleaserFile
	node, err := readYAML(t, file, &g)
	if err != nil {
		return nil, err
	}
	c := &Conversion{Tool: "goreleaser", File: file, Project: g.Project, Names: map[string]string{}}
	c.unconverted(node, "", goreleaserKeys)
	lineOf := func(key string) int { return lineOfKey(node, key) }
	for _, hook := range g.Before.Hooks {
		command := hook.Value
		if hook.Kind == yaml.MappingNode {
			var h struct{ Cmd string }
			_ = hook.Decode(&h) // not a mapping with cmd: reported as an empty command
			command = h.Cmd
		}
		if command = c.value(hook.Line, "before.hooks", command); command != "" && !strings.HasPrefix(command, "go mod ") {
			c.Before = append(c.Before, command)
		}
	}
	if len(g.Builds) == 0 {
		g.Builds = []goreleaserBuild{{}}
	}
	for i := range g.Builds {
		c.goreleaserBuild(t, &g.Builds[i], lineOf("builds"))
	}
	c.goreleaserBundles(&g, lineOf)
	if name := c.value(lineOf("checksum"), "checksum.name_template", g.Checksum.Name); name != "" && strings.Contains(name, "${ARCH}") {
		c.Names["checksums"] = name
	} else if g.Checksum.Name != "" {
		c.leave(lineOf("checksum"), "checksum.name_template", "there is one file for each architecture: the name needs ${ARCH}")
	}
	if g.Release.GitHub.Owner != "" {
		c.GitHub = g.Release.GitHub.Owner + "/" + g.Release.GitHub.Name
	}
	c.goreleaserImages(&g, lineOf)
	return c, nil
}

// lineOfKey returns the line of a top-level key.
func lineOfKey(node *yaml.Node, key string) int {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i].Line
		}
	}
	return 0
}

// goreleaserPlatforms returns the platforms of a build; those that Slipway does not release for are left over.
func (c *Conversion) goreleaserPlatforms(b *goreleaserBuild, line int) []string {
	var platforms []string
	add := func(goos, goarch, goarm string) {
		p := goos + "/" + goarch
		if goarch == "arm" {
			p += "/v" + goarm
		}
		if !slices.Contains(platforms, p) && draft.IsPlatform(p) {
			platforms = append(platforms, p)
		}
	}
	others := map[string]bool{}
	each := func(goos, goarch, goarm string) {
		if goos != "linux" && goos != "windows" {
			others[goos] = true
			return
		}
		add(goos, goarch, goarm)
	}
	for _, target := range b.Targets {
		if parts := strings.Split(target, "_"); len(parts) >= 2 {
			arm := "7"
			if len(parts) > 2 && parts[1] == "arm" {
				arm = parts[2]
			}
			each(parts[0], parts[1], arm)
		}
	}
	if len(b.Targets) == 0 {
		for _, goos := range orDefault(b.GOOS, "linux", "darwin", "windows") {
			for _, goarch := range orDefault(b.GOARCH, "386", "amd64", "arm64") {
				goarms := []string{""}
				if goarch == "arm" {
					goarms = orDefault(b.GOARM, "6")
				}
				for _, goarm := range goarms {
					ignored := slices.ContainsFunc(b.Ignore, func(i struct{ GOOS, GOARCH, GOARM string }) bool {
						return i.GOOS == goos && (i.GOARCH == "" || i.GOARCH == goarch) && (i.GOARM == "" || i.GOARM == goarm)
					})
					if !ignored {
						each(goos, goarch, goarm)
					}
				}
			}
		}
	}
	for _, goos := range slices.Sorted(maps.Keys(others)) {
		c.leave(line, "builds[].goos: "+goos, "Slipway releases for Linux and Windows")
	}
	return platforms
}

func orDefault(list []string, otherwise ...string) []string {
	if len(list) > 0 {
		return list
	}
	return otherwise
}

func (c *Conversion) goreleaserBuild(t *survey.Tree, g *goreleaserBuild, line int) {
	if g.Skip == true || g.Skip == "true" {
		return
	}
	if g.Builder != "" && g.Builder != "go" {
		c.leave(line, "builds[].builder: "+g.Builder, "build it in before, and name it as prebuilt")
		return
	}
	b := &draft.Binary{Name: cmp.Or(c.value(line, "builds[].binary", g.Binary), g.ID), Module: path.Clean(cmp.Or(g.Dir, ".")), Package: survey.PackageOf(cmp.Or(g.Main, ".")), Env: map[string]string{}, Release: true}
	if g.Binary == "" && len(c.Binaries) == 0 {
		b.Name = cmp.Or(c.Project, b.Name)
		if c.Project == "" {
			b.Name = "" // the project's name, which the survey finds
		}
	}
	b.Platforms = c.goreleaserPlatforms(g, line)
	for _, env := range g.Env {
		if name, value, ok := strings.Cut(env, "="); ok && (name != "CGO_ENABLED" || value != "0") {
			if value := c.value(line, "builds[].env", value); value != "" {
				b.Env[name] = value
			}
		}
	}
	for _, tag := range g.Tags {
		if tag = c.value(line, "builds[].tags", tag); tag != "" {
			b.Tags = append(b.Tags, tag)
		}
	}
	for _, flag := range g.Flags {
		if tags, ok := strings.CutPrefix(flag, "-tags="); ok {
			b.Tags = append(b.Tags, strings.Split(tags, ",")...)
		} else if flag != "-trimpath" && flag != "-v" {
			c.leave(line, "builds[].flags: "+flag, "no counterpart")
		}
	}
	text := strings.Join(g.Ldflags, " ")
	if len(g.Ldflags) == 0 {
		text = "-s -w -X main.version={{.Version}} -X main.commit={{.Commit}} -X main.date={{.Date}}"
	}
	c.linkerFlags(b, text, line, "builds[].ldflags")
	c.Binaries = append(c.Binaries, b)
	for _, p := range b.Platforms {
		if !slices.Contains(c.Platforms, p) {
			c.Platforms = append(c.Platforms, p)
		}
	}
}

// linkerFlags adds the flags of a text to a binary.
func (c *Conversion) linkerFlags(b *draft.Binary, text string, line int, key string) {
	for _, flag := range survey.LinkerFlags(text) {
		value := c.value(line, key, flag)
		if assignment, ok := strings.CutPrefix(value, "-X "); ok {
			value = survey.LinkerVariable(assignment)
		}
		if value != "" {
			b.Ldflags = append(b.Ldflags, value)
		}
	}
}
