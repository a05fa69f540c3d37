package scaffold

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
)

// variant adds the variant of a Dockerfile to an image.
func (p *project) variant(i *image, d *survey.Dockerfile, build *survey.ImageBuild) {
	v := draft.Variant{Dockerfile: d.File, Args: map[string]string{}}
	context := "."
	if build != nil {
		v.Target, context = build.Target, cmp.Or(build.Context, ".")
		p.nameAfter(i, d, build)
	}
	v.Platforms = p.variantPlatforms(d, build)
	p.arguments(i, &v, d, build)
	made := false
	if context != "." {
		v.Context = context
		if !filepath.IsLocal(filepath.FromSlash(context)) || !p.Tree.IsFolder(context) {
			if made = p.makeContext(context); !made {
				i.Off = fmt.Sprintf("its context %s is not in the checkout: make it in before: with outputs", context)
			}
		}
	}
	for _, stage := range d.Reached(v.Target) {
		if stage.Run > 0 && i.Engine == "" {
			i.Engine = fmt.Sprintf("%s:%d has a RUN", d.File, stage.Run)
		}
	}
	i.Bin = i.Bin || copiesBin(d, v.Target)
	if i.Off == "" && !made {
		p.copies(i, &v, d, context)
	}
	i.Variants = append(i.Variants, v)
}

// makeContext adds a hook that runs make for a context that is not in the checkout, if the Makefile has a target for
// it.
func (p *project) makeContext(context string) bool {
	target := p.Recipes.MakeTarget(context)
	if target == "" {
		return false
	}
	hook := draft.Hook{Command: "make " + target, Outputs: []string{context}}
	if !slices.ContainsFunc(p.Before, func(h draft.Hook) bool { return h.Command == hook.Command }) {
		p.Before = append(p.Before, hook)
	}
	return true
}

// nameAfter names an image after its references in a recipe.
func (p *project) nameAfter(i *image, d *survey.Dockerfile, build *survey.ImageBuild) {
	for _, name := range build.Names {
		name = strings.TrimSuffix(strings.TrimSuffix(name, "-"), "-linux")
		if _, _, last := splitReference(name); namesShape.MatchString(last) && referenceShape.MatchString(name) {
			i.refs = append(i.refs, name)
		}
	}
	if len(i.refs) == 0 {
		return
	}
	_, _, last := splitReference(i.refs[0])
	if suffix := imageName(d.Name); d.Name == "" {
	} else if build.Dockerfile == survey.AnyDockerfile || !strings.Contains(last, suffix) && !d.Windows && p.isTaken(i, last) {
		last += "-" + suffix
	}
	if !p.isTaken(i, last) {
		i.Name = last
	}
}

// variantPlatforms returns the platforms of a Dockerfile, and adds them to the project.
func (p *project) variantPlatforms(d *survey.Dockerfile, build *survey.ImageBuild) []string {
	goos := "linux"
	if d.Windows {
		goos = "windows"
		p.addPlatforms("windows/amd64")
	}
	if build != nil {
		own := slices.DeleteFunc(slices.Clone(build.Platforms), func(one string) bool {
			return !draft.IsPlatform(one) || d.Windows && !strings.HasPrefix(one, "windows/")
		})
		if len(own) > 0 { // a Dockerfile FROM scratch may be for both systems
			p.addPlatforms(own...)
			return own
		}
	}
	return draft.OfSystem(p.Platforms, goos)
}

// referenceShape matches a reference without a tag that has a repository.
var referenceShape = regexp.MustCompile(`^[a-z0-9][a-z0-9._:-]*(/[a-z0-9][a-z0-9._-]*)+$`)

var predefined = regexp.MustCompile(`^(TARGET|BUILD)(PLATFORM|OS|ARCH|VARIANT|OSVERSION)$|^(?i:https?|no|ftp|all)_proxy$`)

// placeholders are defaults of arguments that a build is expected to override.
var placeholders = []string{"", "dev", "unknown", "latest", "HEAD", "none", "main", "master", "local", "0.0.0", "v0.0.0"}

// arguments sets the values of build arguments: those in the recipe, and those whose names have a known meaning.
func (p *project) arguments(i *image, v *draft.Variant, d *survey.Dockerfile, build *survey.ImageBuild) {
	for _, a := range d.Args {
		if predefined.MatchString(a.Name) {
			continue
		}
		guess := survey.Meaning(a.Name)
		if guess == "" && strings.HasSuffix(a.Name, "_ARCH") && a.Value == "amd64" {
			guess = "${ARCH}"
		}
		if guess == "${OS}" && d.Windows {
			guess = ""
		}
		value := ""
		if build != nil {
			value = build.Args[a.Name]
		}
		switch {
		case guess == "${ARCH}" && a.Value == "amd64", guess == "${OS}" && a.Value == "linux":
			v.Args[a.Name] = guess
		case value != "" && value != a.Value:
			v.Args[a.Name] = value
		case value != "":
		case guess != "" && !a.InFrom && slices.Contains(placeholders, a.Value):
			v.Args[a.Name] = guess
		case build != nil && build.Doubtful[a.Name] != "":
			i.Doubts = append(i.Doubts, fmt.Sprintf("%s sets the argument %s to %s: its value is not known", build.Where, a.Name, build.Doubtful[a.Name]))
		case a.InFrom && a.Value == "" && guess != "${OS}":
			i.Doubts = append(i.Doubts, fmt.Sprintf("%s needs a value of the argument %s", d.File, a.Name))
		}
	}
}

// argument matches a reference to a build argument.
var argument = regexp.MustCompile(`\$\{?([A-Za-z_]\w*)(?::-[^}]*)?\}?`)

// programName matches a name that COPY may give the only program of a project.
var programName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// resolve replaces the build arguments in a source of COPY.
func resolve(v *draft.Variant, d *survey.Dockerfile, source string) string {
	return argument.ReplaceAllStringFunc(source, func(ref string) string {
		name := argument.FindStringSubmatch(ref)[1]
		if value, ok := v.Args[name]; ok {
			return value
		}
		switch name {
		case "TARGETPLATFORM":
			return "${OS}/${ARCH}"
		case "TARGETOS":
			return "${OS}"
		case "TARGETARCH":
			return "${ARCH}"
		}
		if a := slices.IndexFunc(d.Args, func(a survey.Arg) bool { return a.Name == name }); a >= 0 && d.Args[a].Value != "" {
			return d.Args[a].Value
		}
		return "*"
	})
}

var variableOf = regexp.MustCompile(`\$\{[A-Z]+\}`)
