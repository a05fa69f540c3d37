package survey

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// An ImageBuild is a command of a recipe, or a step of a workflow, that builds an image.
type ImageBuild struct {
	Where      string            // FILE:LINE
	Dockerfile string            // in the tree, or AnyDockerfile
	Target     string            // the stage, or ""
	Context    string            // relative to the tree, or "" if it is unknown
	Platforms  []string          // none if they are unknown
	Args       map[string]string // those with known values, in the variables of slipway.yaml
	Doubtful   map[string]string // arguments with unknown values, as they are written
	Names      []string          // references without tags

	push      bool // it is pushed
	discarded bool // it writes files, or is for tests
}

// AnyDockerfile is the Dockerfile of a command in a loop over several.
const AnyDockerfile = "*"

var buildCommand = regexp.MustCompile(`(?:docker|podman|nerdctl|buildah|\$[({]\w*(?:DOCKER|CONTAINER|BUILDX)\w*[)}])\s+(?:buildx\s+|image\s+)?(?:build|bud)\b`)

// ImageBuilds returns the commands of recipes, and the steps of workflows, that build images.
func (r *Recipes) ImageBuilds(t *Tree, origin Origin) []ImageBuild {
	var found []ImageBuild
	for i := range r.all {
		in := &r.all[i]
		if strings.HasPrefix(in.file, ".github/") {
			found = append(found, r.workflowBuilds(t, in, origin)...)
		}
		for _, line := range in.lines {
			if at := buildCommand.FindStringIndex(line.text); at != nil {
				found = append(found, r.commandBuild(in, shellWords(line.text[at[1]:]), fmt.Sprintf("%s:%d", in.file, line.number)))
			}
		}
	}
	return found
}

// switches are the flags of docker build that have no value.
var switches = []string{"--pull", "--no-cache", "--push", "--load", "--rm", "-q", "--quiet", "-"}

// commandBuild reads the flags of docker build.
func (r *Recipes) commandBuild(in *recipe, words []string, where string) ImageBuild {
	b := ImageBuild{Where: where, Args: map[string]string{}, Doubtful: map[string]string{}}
	words = r.expandFlags(in, words)
	for i := 0; i < len(words); i++ {
		word := strings.Trim(words[i], `"'`)
		name, value, inline := strings.Cut(word, "=")
		switch {
		case !strings.HasPrefix(word, "-"):
			b.Context = ""
			if context, ok := r.expand(in, word, false); ok {
				b.Context = path.Clean(context)
			}
			continue
		case !inline && slices.Contains(switches, name):
			b.push = b.push || name == "--push"
			continue
		case !inline && i+1 < len(words):
			i++
			value = words[i]
		}
		r.buildFlag(in, &b, name, strings.Trim(value, `"'`))
	}
	switch {
	case b.Dockerfile == "" && b.Context != "":
		b.Dockerfile = path.Join(b.Context, "Dockerfile")
	case b.Dockerfile == "":
		b.Dockerfile = AnyDockerfile
	}
	if b.Dockerfile == AnyDockerfile {
		b.Context = "."
	}
	return b
}

// buildFlag reads a flag of docker build and its value.
func (r *Recipes) buildFlag(in *recipe, b *ImageBuild, name, value string) {
	known, ok := r.expand(in, value, false)
	switch name {
	case "-f", "--file":
		if b.Dockerfile = AnyDockerfile; ok && known != "" {
			b.Dockerfile = path.Clean(known)
		}
	case "--target":
		if ok {
			b.Target = known
		}
	case "--platform":
		if ok && !strings.Contains(value, "/$") { // linux/$(ARCH) is each of several
			b.Platforms = splitPlatforms(known)
		}
	case "-t", "--tag":
		if ok || strings.Contains(known, "/") {
			b.Names = append(b.Names, WithoutTag(known))
		} else if before, _, tagged := strings.Cut(value, ":$"); tagged {
			if known, ok := r.expand(in, before, false); ok {
				b.Names = append(b.Names, known)
			}
		}
	case "--build-arg":
		r.buildArg(in, b, value)
	case "--output", "-o":
		b.discarded = b.discarded || strings.Contains(value, "type=local") || strings.Contains(value, "type=tar") || !strings.Contains(value, "type=") && value != "-"
	}
}

// expandFlags replaces words that are variables containing flags by these flags.
func (r *Recipes) expandFlags(in *recipe, words []string) []string {
	var all []string
	for _, word := range words {
		if bare := strings.Trim(word, `"'`); strings.HasPrefix(bare, "$(") || strings.HasPrefix(bare, "${") {
			name := strings.Trim(bare, "$(){}")
			if value, ok := r.lookup(in, name); ok && strings.HasPrefix(value, "-") {
				all = append(all, shellWords(value)...)
				continue
			}
		}
		all = append(all, word)
	}
	return all
}

func (r *Recipes) buildArg(in *recipe, b *ImageBuild, text string) {
	name, raw, ok := strings.Cut(text, "=")
	if !ok {
		raw = "${" + name + "}"
	}
	raw = strings.Trim(raw, `"'`)
	if value, ok := r.expand(in, raw, true); ok {
		b.Args[name] = value
	} else if m := Meaning(name); m != "" {
		b.Args[name] = m
	} else {
		b.Doubtful[name] = raw
	}
}

var platformShape = regexp.MustCompile(`^(linux|windows)/[a-z0-9]+(/[a-z0-9]+)?$`)

func splitPlatforms(list string) []string {
	var platforms []string
	for _, p := range strings.FieldsFunc(list, func(c rune) bool { return strings.ContainsRune(", \n\"'", c) }) {
		if platformShape.MatchString(p) {
			platforms = append(platforms, p)
		}
	}
	return platforms
}

// WithoutTag cuts the tag from a reference.
func WithoutTag(ref string) string {
	ref = strings.TrimSpace(ref)
	if at := strings.LastIndexByte(ref, ':'); at > strings.LastIndexByte(ref, '/') {
		return ref[:at]
	}
	return ref
}

// workflowBuilds reads the steps of a workflow that use docker/build-push-action.
func (r *Recipes) workflowBuilds(t *Tree, in *recipe, origin Origin) []ImageBuild {
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct {
				Uses string         `yaml:"uses"`
				With map[string]any `yaml:"with"`
			} `yaml:"steps"`
		} `yaml:"jobs"`
	}
	if err := yaml.Unmarshal([]byte(t.Text(in.file)), &workflow); err != nil {
		return nil // survey does not check workflows
	}
	var found []ImageBuild
	for _, job := range slices.Sorted(maps.Keys(workflow.Jobs)) {
		images := ""
		for _, step := range workflow.Jobs[job].Steps {
			with := func(key string) string {
				if step.With[key] == nil {
					return ""
				}
				return origin.replace(fmt.Sprint(step.With[key]))
			}
			if strings.Contains(step.Uses, "docker/metadata-action") {
				images = with("images")
			}
			if !strings.Contains(step.Uses, "docker/build-push-action") && !strings.Contains(step.Uses, "docker/bake-action") {
				continue
			}
			b := ImageBuild{Where: in.file, Args: map[string]string{}, Doubtful: map[string]string{}}
			b.push = with("push") != "" && with("push") != "false"
			b.Target = with("target")
			b.Context = path.Clean(cmp.Or(strings.TrimPrefix(with("context"), "{{defaultContext}}:"), "."))
			b.Dockerfile = path.Clean(cmp.Or(with("file"), path.Join(b.Context, "Dockerfile")))
			b.Platforms = splitPlatforms(with("platforms"))
			b.discarded = strings.Contains(with("outputs"), "type=local")
			for _, name := range strings.FieldsFunc(images+"\n"+with("tags"), func(c rune) bool { return c == '\n' || c == ',' }) {
				if known, _ := r.expand(in, WithoutTag(actionsTag.ReplaceAllString(name, "")), false); strings.Contains(known, "/") && !strings.HasPrefix(known, "/") {
					b.Names = append(b.Names, known)
				}
			}
			for _, arg := range strings.Split(with("build-args"), "\n") {
				if strings.Contains(arg, "=") {
					r.buildArg(in, &b, strings.TrimSpace(arg))
				}
			}
			found = append(found, b)
		}
	}
	return found
}

// actionsTag matches a tag that is an expression.
var actionsTag = regexp.MustCompile(`:\$\{\{.*$`)

// BuildOf returns the build of a Dockerfile that is closest to a release: one that a workflow pushes, or else one for
// named platforms, or else any other; of several, the first. others are those of the same kind.
func BuildOf(builds []ImageBuild, d *Dockerfile) (best *ImageBuild, others []*ImageBuild) {
	rank := func(b *ImageBuild) int {
		switch {
		case b.Dockerfile == AnyDockerfile: // a loop over Dockerfiles or folders
			return 0
		case b.push && strings.HasPrefix(b.Where, ".github/"):
			return 3
		case b.push || len(b.Platforms) > 0:
			return 2
		}
		return 1
	}
	for i := range builds {
		b := &builds[i]
		if b.Dockerfile != d.File && b.Dockerfile != AnyDockerfile || b.discarded || b.Target != "" && (!d.HasStage(b.Target) || !Released(b.Target)) {
			continue
		}
		switch {
		case best == nil || rank(b) > rank(best):
			best, others = b, nil
		case rank(b) == rank(best):
			others = append(others, b)
		}
	}
	return best, others
}
