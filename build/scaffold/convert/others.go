package convert

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
)

// readPromu converts the file of promu, the build tool of Prometheus.
func readPromu(t *survey.Tree, file string) (*Conversion, error) {
	var p struct {
		Repository struct{ Path string } `yaml:"repository"`
		Build      struct {
			Binaries   []struct{ Name, Path string }
			Ldflags    string
			Flags      string
			Tags       any
			ExtLdflags any `yaml:"ext_ldflags"`
		} `yaml:"build"`
		Tarball struct {
			Prefix string
			Files  []string
		} `yaml:"tarball"`
		Crossbuild struct{ Platforms []string } `yaml:"crossbuild"`
	}
	node, err := readYAML(t, file, &p)
	if err != nil {
		return nil, err
	}
	c := &Conversion{Tool: "promu", File: file, Names: map[string]string{}}
	c.unconverted(node, "", map[string]string{
		"go": "", "go.version": "the toolchain is that of go.mod", "go.cgo": "write env: {CGO_ENABLED: \"1\"}", "repository": "", "repository.path": "",
		"build": "", "build.binaries": "", "build.binaries[].name": "", "build.binaries[].path": "", "build.ldflags": "", "build.flags": "",
		"tarball": "", "tarball.files": "", "crossbuild": "", "crossbuild.platforms": "",
	})
	line := lineOfKey(node, "build")
	for _, one := range p.Build.Binaries {
		b := &draft.Binary{Name: one.Name, Package: survey.PackageOf(cmp.Or(one.Path, ".")), Module: ".", Release: true, Env: map[string]string{}, Ldflags: []string{"-s", "-w"}}
		c.linkerFlags(b, promuUser(p.Build.Ldflags), line, "build.ldflags")
		c.Binaries = append(c.Binaries, b)
	}
	others := map[string]bool{}
	for _, platform := range p.Crossbuild.Platforms {
		if platform = promuPlatform(platform); platform == "" {
			continue
		} else if goos, _, _ := strings.Cut(platform, "/"); goos != "linux" && goos != "windows" {
			others[goos] = true
		} else if draft.IsPlatform(platform) {
			c.Platforms = survey.AppendNew(c.Platforms, platform)
		}
	}
	for _, goos := range slices.Sorted(maps.Keys(others)) {
		c.leave(lineOfKey(node, "crossbuild"), "crossbuild.platforms: "+goos, "Slipway releases for Linux and Windows")
	}
	if len(p.Tarball.Files) > 0 {
		b := draft.Bundle{}
		for _, f := range p.Tarball.Files {
			b.Files = append(b.Files, draft.File{Source: path.Clean(f)})
		}
		c.Bundles = append(c.Bundles, b)
	}
	return c, nil
}

// promuUser leaves out who built it: releases are the same on every machine.
func promuUser(flags string) string {
	var kept []string
	for _, line := range strings.Split(flags, "\n") {
		if !strings.Contains(line, "{{user}}") {
			kept = append(kept, strings.TrimSpace(line))
		}
	}
	return strings.Join(kept, " ")
}

// promuPlatform returns a platform as Slipway spells it. Names such as linux alone stand for all architectures: Slipway's
// defaults are used for them.
func promuPlatform(platform string) string {
	if !strings.Contains(platform, "/") {
		if platform == "linux" || platform == "windows" {
			return ""
		}
		return platform
	}
	return strings.Replace(platform, "/armv", "/arm/v", 1)
}

// readKo converts the file of ko, which makes images without Dockerfiles.
func readKo(t *survey.Tree, file string) (*Conversion, error) {
	var k struct {
		BaseImage string            `yaml:"defaultBaseImage"`
		Overrides map[string]string `yaml:"baseImageOverrides"`
		Platforms stringList        `yaml:"defaultPlatforms"`
		Env       stringList        `yaml:"defaultEnv"`
		Ldflags   stringList        `yaml:"defaultLdflags"`
		Builds    []struct {
			ID, Dir, Main       string
			Env, Flags, Ldflags stringList
		} `yaml:"builds"`
	}
	node, err := readYAML(t, file, &k)
	if err != nil {
		return nil, err
	}
	c := &Conversion{Tool: "ko", File: file, Names: map[string]string{}}
	const base = "Slipway builds images from Dockerfiles: FROM the base image, COPY --from=bin the binary, ENTRYPOINT"
	c.unconverted(node, "", map[string]string{
		"defaultBaseImage": base, "baseImageOverrides": base, "defaultPlatforms": "", "defaultEnv": "", "defaultLdflags": "",
		"defaultFlags": "no counterpart: binaries are built with -trimpath", "builds": "", "builds[].id": "", "builds[].dir": "", "builds[].main": "",
		"builds[].env": "", "builds[].ldflags": "", "builds[].flags": "no counterpart: binaries are built with -trimpath",
		"linux_capabilities": "use setcap in the Dockerfile",
	})
	for _, p := range k.Platforms {
		if draft.IsPlatform(p) {
			c.Platforms = survey.AppendNew(c.Platforms, p)
		}
	}
	line := lineOfKey(node, "builds")
	for _, one := range k.Builds {
		b := &draft.Binary{Name: one.ID, Module: path.Clean(cmp.Or(one.Dir, ".")), Package: survey.PackageOf(cmp.Or(one.Main, ".")), Release: true, Env: map[string]string{}}
		for _, env := range append(k.Env, one.Env...) {
			if name, value, ok := strings.Cut(env, "="); ok && (name != "CGO_ENABLED" || value != "0") {
				if value := c.value(line, "builds[].env", value); value != "" {
					b.Env[name] = value
				}
			}
		}
		text := strings.Join(one.Ldflags, " ")
		if text == "" {
			text = strings.Join(k.Ldflags, " ")
		}
		if strings.TrimSpace(text) == "{{ .Env.LDFLAGS }}" || strings.TrimSpace(text) == "{{.Env.LDFLAGS}}" {
			c.leave(line, "builds[].ldflags", "the environment variable LDFLAGS has them: write them out")
		} else {
			c.linkerFlags(b, text, line, "builds[].ldflags")
		}
		c.Binaries = append(c.Binaries, b)
	}
	return c, nil
}
