package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/engine/endpoint"
	"github.com/slipway-build/slipway/internal/suggest"
)

// A validator checks a decoded Config for problems that the decoder does not find, and fills in the defaults. Its
// methods continue after a problem, and do not repeat the problems of the decoder.
type validator struct {
	config  *Config
	decoder *decoder
}

var (
	projectShape = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`)
	fileShape    = regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_.+-]*$`)
	windowsShape = regexp.MustCompile(`^[0-9a-z]+(?:[._-][0-9a-z]+)*$`)
	fourNumbers  = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$`)
)

// IsFileName reports whether the name of a binary or bundle is a valid file name on every system.
func IsFileName(name string) bool { return fileShape.MatchString(name) }

func (v *validator) validate() {
	v.project()
	v.windows()
	v.builders()
	v.registries()
	v.cache()
	v.names()
	v.fetches()
	v.hooks("", v.config.Hooks, false)
	v.binaries()
	v.images()
	v.airgap()
	v.bundles()
	v.needs()
	v.sign()
	v.publish()
	v.sbom()
	v.provenance()
	v.vex()
	if file := v.config.Expect.Artifacts; file != "" {
		v.file("expect.artifacts", file, fs.FileMode.IsRegular)
	}
}

// wrong reports a problem of the value at path.
func (v *validator) wrong(path, format string, args ...any) {
	at, ok := v.decoder.at[path]
	if !ok {
		at = Position{File: v.config.File}
	}
	v.decoder.problems.add(at, "%s", path+": "+fmt.Sprintf(format, args...))
}

// wrongKey reports a problem of the key at path.
func (v *validator) wrongKey(path, format string, args ...any) {
	v.decoder.problems.add(v.decoder.keyAt[path], "%s", path+": "+fmt.Sprintf(format, args...))
}

// shape reports a value that does not match a regular expression, unless it is empty. want describes the expression.
func (v *validator) shape(path, value string, shape *regexp.Regexp, want string) {
	if value != "" && !shape.MatchString(value) {
		v.wrong(path, "%q: want %s", value, want)
	}
}

func (v *validator) project() {
	c := v.config
	v.shape("project", c.Project, projectShape, "lower-case letters and digits, with single . _ or - between them, as it begins file names and image references")
	v.distinct("platforms", c.Platforms)

	c.Registry = v.fromEnvironment("REGISTRY", c.Registry, "docker.io")
	c.Repository = v.fromEnvironment("REPO", c.Repository, c.Project)
	v.registry(v.where("REGISTRY", "registry"), c.Registry)
	if c.Repository != "" {
		v.repository(v.where("REPO", "repository"), c.Repository)
	}
	v.tagLength()
}

// fromEnvironment returns the environment variable name, or else value, or else otherwise.
func (v *validator) fromEnvironment(name, value, otherwise string) string {
	env, _ := v.decoder.vars.environ(name)
	return cmp.Or(env, value, otherwise)
}

// where returns the position of a value that an environment variable may override.
func (v *validator) where(variable, path string) Position {
	if _, ok := v.decoder.vars.environ(variable); ok {
		return environment(variable)
	}
	if at, ok := v.decoder.at[path]; ok {
		return at
	}
	return Position{File: v.config.File}
}

func (v *validator) registry(at Position, registry string) {
	if registry == "" {
		return
	}
	if host, path, ok := strings.Cut(registry, "/"); ok && !strings.Contains(registry, "://") {
		v.decoder.problems.add(at, "registry %q: want a host, such as docker.io or localhost:5000; put %q into repository: registry %q, repository %q", registry, path, host, path)
	} else if _, err := name.NewRegistry(registry, name.StrictValidation); err != nil {
		v.decoder.problems.add(at, "registry %q: want a host without a scheme, with or without a port, such as docker.io or localhost:5000", registry)
	}
}

func (v *validator) repository(at Position, repository string) {
	if !repositoryShape.MatchString(repository) {
		v.decoder.problems.add(at, "repository %q: want lower-case letters and digits, with . _ - or / between them, such as rancher", repository)
	}
}

// repositoryShape is the <name> of the OCI distribution-spec ("Pulling manifests").
var repositoryShape = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)

// tagLength checks the longest image tag: OCI allows 128 characters, and the tags of platforms are longer than the
// version.
func (v *validator) tagLength() {
	longest := ""
	for _, s := range v.platformSuffixes() {
		if len(s) > len(longest) || len(s) == len(longest) && s > longest {
			longest = s
		}
	}
	if tag := v.config.Release.Tag + longest; len(tag) > 128 {
		v.decoder.problems.add(v.where("TAG", "version.base"), "version %q makes an image tag too long: %s has %d characters, more than 128", v.config.Release.Version, tag, len(tag))
	}
}

// platformSuffixes returns the suffixes that the tags of platforms and Windows versions add to the version.
func (v *validator) platformSuffixes() []string {
	var suffixes []string
	for _, p := range v.config.Platforms {
		suffixes = append(suffixes, "-"+images.PlatformSlug(p))
		if p.OS == "windows" {
			for windows := range v.config.Windows {
				suffixes = append(suffixes, "-windows-"+windows+"-"+p.Architecture)
			}
		}
	}
	return suffixes
}

// distinct reports platforms that occur twice in a list.
func (v *validator) distinct(path string, platforms []v1.Platform) {
	for i, p := range platforms {
		if p.OS != "" && placeOf(platforms[:i], p) >= 0 {
			v.wrong(fmt.Sprintf("%s[%d]", path, i), "%s is a duplicate", images.FormatPlatform(p))
		}
	}
}

// platforms checks that the platforms of a list are platforms of the project. It replaces an empty list by fallback.
func (v *validator) platforms(path string, list *[]v1.Platform, fallback []v1.Platform) {
	if len(*list) == 0 {
		*list = slices.Clone(fallback)
		return
	}
	v.distinct(path, *list)
	all := v.platformNames(v.config.Platforms)
	for i, p := range *list {
		if p.OS != "" && all != "" && placeOf(v.config.Platforms, p) < 0 {
			v.wrong(fmt.Sprintf("%s[%d]", path, i), "%s is not a platform of the project, which has %s", images.FormatPlatform(p), all)
		}
	}
}

// placeOf returns the index of p in a list, regardless of the spelling of either, or -1.
func placeOf(platforms []v1.Platform, p v1.Platform) int {
	return slices.IndexFunc(platforms, func(other v1.Platform) bool { return images.SamePlatform(p, other) })
}

func (v *validator) platformNames(platforms []v1.Platform) string {
	var names []string
	for _, p := range platforms {
		if name := images.FormatPlatform(p); p.OS != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func hasWindows(platforms []v1.Platform) bool {
	return slices.ContainsFunc(platforms, func(p v1.Platform) bool { return p.OS == "windows" })
}

func (v *validator) windows() {
	byVersion := map[string]string{}
	for _, windows := range slices.Sorted(maps.Keys(v.config.Windows)) {
		path, version := "windows."+windows, v.config.Windows[windows]
		if !windowsShape.MatchString(windows) {
			v.wrongKey(path, "%q: want lower-case letters and digits, with single . _ or - between them, such as ltsc2022, since it is part of file names and tags", windows)
		}
		v.shape(path, version, fourNumbers, "the exact os.version, four numbers such as 10.0.20348.4294, since images are selected and labelled by it")
		if other, ok := byVersion[version]; ok && version != "" {
			v.wrong(path, "%s is already %s", version, other)
		}
		byVersion[version] = windows
	}
}

// windowsNames checks names of Windows versions, for something that is made for platforms.
func (v *validator) windowsNames(path string, names []string, platforms []v1.Platform) {
	known := slices.Sorted(maps.Keys(v.config.Windows))
	for i, windows := range names {
		at := fmt.Sprintf("%s.windows[%d]", path, i)
		switch _, ok := v.config.Windows[windows]; {
		case windows == "":
		case !ok:
			v.wrong(at, "unknown Windows version %q%s; known under windows: %s", windows, suggest.DidYouMean(windows, known), cmp.Or(strings.Join(known, ", "), "none"))
		case slices.Contains(names[:i], windows):
			v.wrong(at, "%s is a duplicate", windows)
		}
	}
	switch {
	case len(names) > 0 && !hasWindows(platforms):
		v.wrong(path+".windows", "these need a windows platform, and the platforms are %s", v.platformNames(platforms))
	case len(known) == 0 && hasWindows(platforms):
		v.wrong(path, "this is made for Windows: name the versions under windows, such as ltsc2022: 10.0.20348.4294")
	}
}

// unique reports a duplicate name.
func (v *validator) unique(path, name string, before map[string]string, what string) {
	if name == "" {
		return
	}
	if other, ok := before[name]; ok {
		v.wrong(path, "%q is already the name of %s: give each %s a name of its own", name, other, what)
		return
	}
	before[name] = strings.TrimSuffix(path, ".name")
}

func (v *validator) binaries() {
	names := map[string]string{}
	for i := range v.config.Binaries {
		b, path := &v.config.Binaries[i], fmt.Sprintf("binaries[%d]", i)
		v.shape(path+".name", b.Name, fileShape, "a file name of letters, digits and . _ - +")
		if strings.HasSuffix(b.Name, ".exe") {
			v.wrong(path+".name", "%q: remove .exe, which is added on Windows", b.Name)
		}
		v.unique(path+".name", b.Name, names, "binary")
		v.platforms(path+".platforms", &b.Platforms, v.config.Platforms)
		v.ports(path, b.Platforms)
		if !v.given(path + ".release") {
			b.Release = expression.Always(b.Name == v.config.Project)
		}
		v.naming(path+".names", b.Names)
		v.buildOpts(path, b.BuildOpts)
		v.experiments(path, b)
		v.hooks(path, b.Hooks, true)
		if v.given(path + ".prebuilt") {
			v.prebuilt(path, b)
			continue
		}
		module := v.module(path+".module", b)
		if module {
			v.packageFolder(path+".package", b.Module, b.Package)
		}
		v.overrides(path, b, module)
		if b.Package == "" {
			v.packageOfEach(path, b)
		}
	}
}

// prebuilt checks a binary that is not compiled. Its files need not exist yet, since hooks may make them, and each
// platform may be built on another machine.
func (v *validator) prebuilt(path string, b *Binary) {
	if b.Prebuilt != "" {
		v.inside(path+".prebuilt", b.Prebuilt)
	} else if !v.reportedBelow(path + ".prebuilt") {
		v.wrong(path+".prebuilt", "is empty: want the path of a binary")
	}
	for _, key := range []string{"package", "module", "tags", "ldflags", "gcflags", "asmflags", "flags", "buildmode", "goexperiment", "env", "overrides"} {
		if v.given(path + "." + key) {
			v.wrong(path+"."+key, "a prebuilt binary is not compiled: remove this key, or prebuilt")
		}
	}
}

// ports checks that Go can compile for the platforms of a binary. Images may have other platforms.
func (v *validator) ports(path string, platforms []v1.Platform) {
	for i, p := range platforms {
		at := path
		if v.given(path + ".platforms") {
			at = fmt.Sprintf("%s.platforms[%d]", path, i)
		}
		if err := images.CheckPort(p); err != nil && p.OS != "" {
			v.wrong(at, "%v", err)
		}
	}
}

// overrides changes the platforms of overrides to the spelling of the binary. module means that the folder of the
// module exists.
func (v *validator) overrides(path string, b *Binary, module bool) {
	spelled := make(map[string]BuildOverrides, len(b.Overrides))
	for _, key := range slices.Sorted(maps.Keys(b.Overrides)) {
		at := path + ".overrides." + key
		v.buildOpts(at, b.Overrides[key].BuildOpts)
		if module {
			v.packageFolder(at+".package", b.Module, b.Overrides[key].Package)
		}
		p, err := images.ParsePlatform(key)
		if err != nil {
			v.wrongKey(at, "%v", err)
			continue
		}
		if i := placeOf(b.Platforms, p); i >= 0 {
			p = b.Platforms[i]
		} else if len(b.Platforms) > 0 {
			v.wrongKey(at, "%s is not a platform of %s, which has %s", images.FormatPlatform(p), b.Name, v.platformNames(b.Platforms))
		}
		if _, ok := spelled[images.FormatPlatform(p)]; ok {
			v.wrongKey(at, "%s is a duplicate", images.FormatPlatform(p))
		}
		spelled[images.FormatPlatform(p)] = b.Overrides[key]
	}
	b.Overrides = spelled
}

// module fills in the module of a binary, and reports whether its folder exists.
func (v *validator) module(at string, b *Binary) bool {
	if b.Module == "" {
		b.Module = "."
		return true
	}
	return v.file(at, b.Module, isDir) && v.file(at, path.Join(b.Module, "go.mod"), fs.FileMode.IsRegular)
}

// packageFolder checks that a package exists if it is given as a folder. Go reports other missing packages.
func (v *validator) packageFolder(at, module, pkg string) {
	switch {
	case strings.Contains(pkg, `\`):
		v.inside(at, pkg)
	case pkg == "." || strings.HasPrefix(pkg, "./") || strings.HasPrefix(pkg, "../"):
		v.file(at, path.Join(module, pkg), isDir)
	}
}

// packageOfEach checks that a binary without a package has one for each platform.
func (v *validator) packageOfEach(path string, b *Binary) {
	if v.given(path + ".package") {
		return // already reported
	}
	for _, p := range b.Platforms {
		if p.OS != "" && b.Overrides[images.FormatPlatform(p)].Package == "" {
			v.wrong(path, "missing package of %s for %s: name its main package, such as ./cmd/%s", b.Name, images.FormatPlatform(p), b.Name)
			return
		}
	}
}

func (v *validator) builders() {
	spelled := make(map[string]Addresses, len(v.config.Builders))
	for _, key := range slices.Sorted(maps.Keys(v.config.Builders)) {
		at, addresses := "builders."+key, v.config.Builders[key]
		p, err := images.ParsePlatform(key)
		if err != nil {
			v.wrongKey(at, "%v", err)
			continue
		}
		if i := placeOf(v.config.Platforms, p); i >= 0 {
			p = v.config.Platforms[i]
		} else {
			v.wrongKey(at, "%s is not a platform of the project, which has %s", images.FormatPlatform(p), v.platformNames(v.config.Platforms))
		}
		if _, ok := spelled[images.FormatPlatform(p)]; ok {
			v.wrongKey(at, "%s is a duplicate", images.FormatPlatform(p))
		}
		v.addresses(at, addresses)
		spelled[images.FormatPlatform(p)] = addresses
	}
	v.config.Builders = spelled
}

// addresses checks the addresses of the engines of a platform.
func (v *validator) addresses(at string, addresses Addresses) {
	if len(addresses) == 0 && !v.reportedBelow(at) {
		v.wrong(at, "is empty: want the address of a BuildKit, or a list of addresses")
	}
	for i, address := range addresses {
		place := fmt.Sprintf("%s[%d]", at, i)
		if !v.given(place) {
			place = at
		}
		switch err := endpoint.CheckBuildkit(address); {
		case err != nil && address != "":
			v.wrong(place, "%v", err)
		case address != "" && slices.Contains(addresses[:i], address):
			v.wrong(place, "%s is a duplicate", address)
		case address == "" && len(addresses) > 1:
			v.wrong(place, "is empty: want the address of a BuildKit")
		}
	}
}

// isAbsolute reports whether a path is absolute here or on Unix, since a slipway.yaml has the same meaning on all
// systems.
func isAbsolute(file string) bool { return filepath.IsAbs(file) || strings.HasPrefix(file, "/") }

func isDir(m fs.FileMode) bool { return m.IsDir() }

// inside reports whether a file is in the project. If it is not, inside adds a problem.
func (v *validator) inside(path, file string) bool {
	err := v.config.CheckInside(file)
	if err != nil {
		v.wrong(path, "%v", err)
	}
	return err == nil
}

// file reports whether a file relative to slipway.yaml exists and has a mode that is accepts. If not, it adds a
// problem.
func (v *validator) file(path, file string, is func(fs.FileMode) bool) bool {
	if !v.inside(path, file) {
		return false
	}
	full := v.config.onDisk(file)
	what := "file"
	if is(fs.ModeDir) {
		what = "folder"
	}
	switch info, err := os.Stat(full); {
	case errors.Is(err, fs.ErrNotExist) && v.made(file):
		return false // files below it cannot be checked
	case errors.Is(err, fs.ErrNotExist):
		v.wrong(path, "missing %s %s", what, filepath.ToSlash(file))
		return false
	case err != nil:
		v.wrong(path, "%v", err)
		return false
	case !is(info.Mode()):
		v.wrong(path, "%s is not a %s", filepath.ToSlash(file), what)
		return false
	}
	return true
}
