package config

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/compile"
	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/glob"
	"github.com/slipway-build/slipway/internal/suggest"
	"github.com/slipway-build/slipway/progress"
)

func (v *validator) asserts(path string, asserts []string) {
	for i, a := range asserts {
		if a != "" {
			if err := compile.ValidateAssert(a); err != nil {
				v.wrong(fmt.Sprintf("%s.assert[%d]", path, i), "%v", err)
			}
		}
	}
}

func (v *validator) images() {
	names := map[string]string{}
	for i := range v.config.Images {
		image, path := &v.config.Images[i], fmt.Sprintf("images[%d]", i)
		v.shape(path+".name", image.Name, repositoryShape, "lower-case letters and digits, with . _ - or / between them, since it is part of image references")
		v.unique(path+".name", image.Name, names, "image")
		image.Builder = cmp.Or(image.Builder, images.EmbeddedBuilder)
		v.format(path+".format", &image.Format)
		for _, context := range slices.Sorted(maps.Keys(image.Contexts)) {
			v.context(path+".contexts."+context, image.Contexts[context])
		}
		v.tags(path, image)
		v.engineFiles(path, image.EngineOpts)
		v.hooks(path, image.Hooks, true)
		made := map[madeKey]string{} // path of the variant
		for j := range image.Variants {
			v.variant(fmt.Sprintf("%s.variants[%d]", path, j), image.Name, &image.Variants[j], made)
		}
	}
}

// engineFiles checks the paths in the options of engines.
func (v *validator) engineFiles(path string, o EngineOpts) {
	for key, options := range map[string][]string{"secrets": o.Secrets, "cache-from": o.CacheFrom, "cache-to": o.CacheTo} {
		for i, option := range options {
			for _, file := range optionFiles(option) {
				v.inside(fmt.Sprintf("%s.%s[%d]", path, key, i), file)
			}
		}
	}
	for i, option := range o.SSH {
		for _, file := range sshKeys(option) {
			v.inside(fmt.Sprintf("%s.ssh[%d]", path, i), file)
		}
	}
}

func (v *validator) format(path string, f *Format) {
	f.MediaTypes, f.Compression = cmp.Or(f.MediaTypes, images.OCIMediaTypes), cmp.Or(f.Compression, "gzip")
	format := images.Format{MediaTypes: f.MediaTypes, Compression: images.Compression{Algorithm: f.Compression, Level: f.Level}}
	if err := format.Validate(); err != nil {
		v.wrong(path, "%v", err)
	}
}

// context checks a named context. A folder need not exist yet, since binaries are made before images.
func (v *validator) context(path, value string) {
	scheme, rest, ok := strings.Cut(value, "://")
	switch {
	case !ok:
		v.inside(path, value)
	case scheme != "docker-image" && scheme != "oci-layout":
		v.wrong(path, "%q: want a folder, docker-image://REF or oci-layout://DIR", value)
	case rest == "":
		v.wrong(path, "%q: missing name after ://", value)
	case scheme == "oci-layout":
		v.inside(path, rest)
	case scheme == "docker-image" && !strings.Contains(rest, "${"):
		if _, err := images.ParseReference(rest); err != nil {
			v.wrong(path, "%v", err)
		}
	}
}

// A madeKey identifies an image of a variant, by its platform and the name of its Windows version.
type madeKey struct {
	platform images.PlatformKey
	windows  string
}

func (v *validator) variant(path, image string, variant *Variant, made map[madeKey]string) {
	v.platforms(path+".platforms", &variant.Platforms, nil)
	v.windowsNames(path, variant.Windows, variant.Platforms)
	for _, p := range variant.Platforms {
		for _, windows := range v.windowsOf(p, variant.Windows) {
			key := madeKey{images.KeyOf(p), windows}
			if other, ok := made[key]; ok && other != path && p.OS != "" {
				v.wrong(path, "%s is already made by %s", strings.TrimSpace(images.FormatPlatform(p)+" "+windows), other)
			}
			made[key] = path
		}
	}
	if variant.Context = cmp.Or(variant.Context, "."); v.given(path + ".context") {
		v.contextFolders(path, variant, image)
	}
	for _, context := range slices.Sorted(maps.Keys(variant.Contexts)) {
		v.context(path+".contexts."+context, variant.Contexts[context])
	}
	at := path
	if v.given(path + ".dockerfile") {
		at += ".dockerfile"
	}
	variant.Dockerfile = cmp.Or(variant.Dockerfile, "Dockerfile")
	v.file(at, variant.Dockerfile, fs.FileMode.IsRegular)
}

// contextFolders checks the context of a variant, which may be a different folder for each platform.
func (v *validator) contextFolders(path string, variant *Variant, image string) {
	for _, p := range variant.Platforms {
		for _, windows := range v.windowsOf(p, variant.Windows) {
			vars := PlatformVariables(p, windows)
			vars["NAME"], vars["OSVERSION"] = image, v.config.Windows[windows]
			if !v.file(path+".context", expression.Expand(variant.Context, vars), isDir) {
				return // the others may be missing for the same reason
			}
		}
	}
}

// windowsOf returns the names of the Windows versions for a platform. names are those in the file. If the platform is
// not Windows, it returns only "".
func (v *validator) windowsOf(p v1.Platform, names []string) []string {
	switch {
	case p.OS != "windows":
		return []string{""}
	case len(names) == 0:
		return slices.Sorted(maps.Keys(v.config.Windows))
	}
	return names
}

// given reports whether the file has a value at path.
func (v *validator) given(path string) bool { _, ok := v.decoder.at[path]; return ok }

func (v *validator) airgap() {
	a := &v.config.Airgap
	if len(a.Formats) == 0 {
		a.Formats = []FileFormat{{Format: "tar.zst"}, {Format: "tar.gz"}}
	}
	v.formats("airgap.formats", a.Formats)
	a.Layers, a.Level = cmp.Or(a.Layers, images.UncompressedLayers), cmp.Or(a.Level, images.BestZstd)
	if a.Split != "" {
		if _, err := progress.ParseBytes(a.Split); err != nil {
			v.wrong("airgap.split", "%v", err)
		}
	}
	lists := slices.Sorted(maps.Keys(a.Lists))
	var own []string
	for _, image := range v.config.Images {
		own = append(own, image.Name)
	}
	linux := slices.Clone(v.config.Platforms)
	linux = slices.DeleteFunc(linux, func(p v1.Platform) bool { return p.OS != "linux" })
	for _, key := range lists {
		list, path := a.Lists[key], "airgap.lists."+key
		if !fileShape.MatchString(key) {
			v.wrongKey(path, "%q: want letters, digits and . _ - +, since it is part of file names", key)
		}
		if len(list.Images) == 0 && list.File == "" && len(list.References) == 0 && len(list.Include) == 0 && !v.reportedBelow(path) {
			v.wrongKey(path, "the list is empty: add images, a file, references, or lists to include")
		}
		v.platforms(path+".platforms", &list.Platforms, linux)
		if len(list.Platforms) == 0 && len(v.config.Platforms) > 0 {
			v.wrongKey(path, "the project has no linux platform: name the platforms of the list")
		}
		v.windowsNames(path, list.Windows, list.Platforms)
		v.knownNames(path+".images", list.Images, own, "image", "the project's images are")
		v.knownNames(path+".include", list.Include, lists, "list", "the lists are")
		v.references(path, &list)
		v.naming(path+".name", list.Name)
		v.formats(path+".formats", list.Formats)
		if list.Formats == nil {
			list.Formats = a.Formats
		}
		if !v.given(path + ".text") {
			list.Text = a.Text
		}
		a.Lists[key] = list
	}
	v.includeCircles(lists)
}

// once reports words that occur twice in a list.
func (v *validator) once(path string, list []string) {
	for i, word := range list {
		if word != "" && slices.Contains(list[:i], word) {
			v.wrong(fmt.Sprintf("%s[%d]", path, i), "%s is a duplicate", word)
		}
	}
}

// knownNames checks that a list has only known names, each once. what and are are parts of the messages.
func (v *validator) knownNames(path string, list, known []string, what, are string) {
	v.once(path, list)
	for i, name := range list {
		if name != "" && !slices.Contains(known, name) {
			v.wrong(fmt.Sprintf("%s[%d]", path, i), "unknown %s %q%s; %s %s", what, name, suggest.DidYouMean(name, known), are, cmp.Or(strings.Join(known, ", "), "none"))
		}
	}
}

// includeCircles reports lists that include themselves. It reports each cycle once, at the include that closes it.
func (v *validator) includeCircles(lists []string) {
	done := map[string]bool{}
	var visit func(key string, trail []string)
	visit = func(key string, trail []string) {
		if done[key] {
			return
		}
		trail = append(trail, key)
		for i, included := range v.config.Airgap.Lists[key].Include {
			if at := slices.Index(trail, included); at >= 0 {
				v.wrong(fmt.Sprintf("airgap.lists.%s.include[%d]", key, i), "lists include one another in a cycle: %s", strings.Join(append(slices.Clone(trail[at:]), included), " -> "))
			} else {
				visit(included, trail)
			}
		}
		done[key] = true
	}
	for _, key := range lists {
		visit(key, nil)
	}
}

func (v *validator) bundles() {
	for i := range v.config.Bundles {
		b, at := &v.config.Bundles[i], fmt.Sprintf("bundles[%d]", i)
		b.Name = cmp.Or(b.Name, v.config.Project)
		v.shape(at+".name", b.Name, fileShape, "a file name of letters, digits and . _ - +")
		v.platforms(at+".platforms", &b.Platforms, v.config.Platforms)
		v.formats(at+".formats", b.Formats)
		v.naming(at+".names", b.Names)
		packages := slices.ContainsFunc(b.Formats, func(f FileFormat) bool { return isPackage(f.Format) })
		if packages {
			v.packages(at, b)
		}
		for j := range b.Files {
			v.bundleFile(fmt.Sprintf("%s.files[%d]", at, j), &b.Files[j], packages)
		}
		for _, script := range slices.Sorted(maps.Keys(b.Package.Scripts)) {
			if file := b.Package.Scripts[script]; file != "" {
				v.file(at+".package.scripts."+script, file, fs.FileMode.IsRegular)
			}
		}
	}
}

// isPackage reports whether a format of bundles is that of a package manager.
func isPackage(format string) bool {
	return slices.Contains([]string{"deb", "rpm", "apk", "archlinux"}, format)
}

// packages checks the metadata that packages require.
func (v *validator) packages(at string, b *Bundle) {
	for _, p := range b.Platforms {
		vars := PlatformVariables(p, "")
		vars["NAME"] = b.Name
		if p.OS != "linux" && p.OS != "" && b.When.Holds(vars) && slices.ContainsFunc(FormatsOf(b.Formats, vars), isPackage) {
			v.wrong(at+".formats", "packages are for linux, and the bundle is also for %s: name its platforms, or add when: ${OS} == \"linux\" to the format", images.FormatPlatform(p))
			break
		}
	}
	for _, must := range []struct{ key, value string }{
		{"maintainer", b.Package.Maintainer}, {"description", b.Package.Description}, {"license", b.Package.License},
	} {
		if must.value == "" && !v.given(at+".package."+must.key) {
			v.wrong(at+".formats", "packages need package.%s", must.key)
		}
	}
}

func (v *validator) bundleFile(at string, f *BundleFile, packages bool) {
	base := path.Base(f.Source)
	switch {
	case f.Type == "dir":
		base = ""
		for _, key := range []string{"source", "exclude", "config"} {
			if v.given(at + "." + key) {
				v.wrong(at+"."+key, "type: dir is an empty folder: remove this key, or type")
			}
		}
		if f.Path == "" && !v.reportedBelow(at) {
			v.wrong(at, "missing path of the folder in the bundle")
		}
	case f.Source == "" && !v.reportedBelow(at):
		v.wrong(at, `missing key "source": file or folder, relative to slipway.yaml`)
	case f.Type == "symlink":
		for _, key := range []string{"exclude", "mode", "config"} {
			if v.given(at + "." + key) {
				v.wrong(at+"."+key, "a symlink has only source and path: remove this key, or type")
			}
		}
		if f.Path == "" && !v.reportedBelow(at) {
			v.wrong(at, "missing path of the symlink in the bundle; source is its target")
		}
	case f.Source != "":
		folder, pattern := glob.Split(placeholders.Replace(f.Source))
		v.inside(at+".source", f.Source)
		if pattern != "" {
			base = "."
			if _, err := glob.New(pattern); err != nil {
				v.wrong(at+".source", "%v", err)
			} else if folder == "." && strings.HasPrefix(pattern, "**") {
				v.wrong(at+".source", "%q: want a pattern that begins with a folder or a name, since it would look into all folders of the project", f.Source)
			}
		}
	}
	v.bundlePath(at, f, base, packages)
	v.patterns(at+".exclude", f.Exclude)
	if f.Mode != "" && !modeShape.MatchString(f.Mode) {
		v.wrong(at+".mode", "%q: want an octal mode, such as 0755", f.Mode)
	}
}

// bundlePath checks the path of a file in its bundle, and fills in the default.
func (v *validator) bundlePath(at string, f *BundleFile, base string, packages bool) {
	switch inside := strings.TrimPrefix(f.Path, "/"); {
	case f.Path == "" && (f.Type != "" || f.Source == ""):
	case f.Path == "" && packages:
		v.wrong(at, "files of packages need a path, such as /usr/bin/%s", path.Base(f.Source))
	case f.Path == "":
		f.Path = base
	case packages && !path.IsAbs(f.Path):
		v.wrong(at+".path", "%q: want an absolute path, such as /usr/bin/%s, for packages", f.Path, path.Base(f.Path))
	case strings.Contains(f.Path, `\`) || inside != "" && !filepath.IsLocal(inside):
		v.wrong(at+".path", "%q: want a path with slashes that stays inside the bundle", f.Path)
	}
}

var modeShape = regexp.MustCompile(`^(0o?)?[0-7]{3,4}$`)

// Mode parses the value of a key mode, in the form of chmod. For "", it returns 0.
func Mode(text string) fs.FileMode {
	mode, _ := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 12) // Load has checked it
	return fs.FileMode(mode)
}

// reportedBelow reports whether a problem of path, or of a value in it, has been added.
func (v *validator) reportedBelow(path string) bool {
	below := func(other string) bool {
		at, ok := strings.CutPrefix(other, path)
		return ok && (at == "" || strings.ContainsAny(at[:1], ".[: "))
	}
	for unknown := range v.decoder.unknown {
		if below(unknown) {
			return true
		}
	}
	return slices.ContainsFunc(v.decoder.problems.list, func(p *problem) bool { return below(p.message) })
}
