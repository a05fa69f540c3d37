package convert

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"

	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
)

// bakeKeys maps the keys of docker buildx bake to their counterparts.
var bakeKeys = []tableKey{
	{Name: "variable", Becomes: "`vars`, which the environment overrides"},
	{Name: "variable.default", Becomes: "the value in `vars`"},
	{Name: "variable.description", Becomes: "nothing"},
	{Name: "variable.type", Becomes: "nothing: variables are text"},
	{Name: "variable.validation", Becomes: noCounterpart, Open: true},
	{Name: "function", Becomes: "write what it returns", Open: true},
	{Name: "group", Becomes: "nothing: `slipway build IMAGE…` names images"},
	{Name: "group.targets", Becomes: "the group `default` says which targets are images"},
	{Name: "target", Becomes: "`images`, if it has `tags` or is in the group `default`"},
	{Name: "target.inherits", Becomes: "the attributes of the other target"},
	{Name: "target.matrix", Becomes: "one image for each combination", Open: true},
	{Name: "target.name", Becomes: "`images[].name`, with `matrix`", Open: true},
	{Name: "target.context", Becomes: "`images[].variants[].context`"},
	{Name: "target.contexts", Becomes: "`images[].contexts`; `target:NAME` needs another stage of the same Dockerfile"},
	{Name: "target.dockerfile", Becomes: "`images[].variants[].dockerfile`"},
	{Name: "target.dockerfile-inline", Becomes: "a Dockerfile", Open: true},
	{Name: "target.target", Becomes: "`images[].variants[].target`"},
	{Name: "target.args", Becomes: "`images[].variants[].args`"},
	{Name: "target.labels", Becomes: "`images[].labels`"},
	{Name: "target.annotations", Becomes: "`images[].annotations`"},
	{Name: "target.tags", Becomes: "`registry`, `repository`, `images[].name` and `images[].tags`"},
	{Name: "target.platforms", Becomes: "`images[].variants[].platforms`"},
	{Name: "target.cache-from", Becomes: "`images[].cache-from`", Open: true},
	{Name: "target.cache-to", Becomes: "`images[].cache-to`", Open: true},
	{Name: "target.secret", Becomes: "`images[].secrets`", Open: true},
	{Name: "target.ssh", Becomes: "`images[].ssh`", Open: true},
	{Name: "target.entitlements", Becomes: "`images[].allow`", Open: true},
	{Name: "target.output", Becomes: "nothing: images go to `dist/oci`, and `slipway publish` pushes them"},
	{Name: "target.pull", Becomes: "nothing: tags of base images are always looked up"},
	{Name: "target.no-cache", Becomes: "`--no-cache` of `slipway image build`", Open: true},
	{Name: "target.description", Becomes: "nothing"},
	{Name: "target.attest", Becomes: "`provenance` and `sbom` of the release, with `attest: true`", Open: true},
}

// A bakeFile is a bake file that is being read.
type bakeFile struct {
	c       *Conversion
	eval    *hcl.EvalContext
	targets map[string]*bakeTarget
	names   []string // of targets, in the order of the file
	groups  map[string][]string
}

// A bakeTarget is a target with its attributes, which come from the file or from the targets that it inherits from.
type bakeTarget struct {
	line  int
	attrs map[string]*hcl.Attribute
	done  bool // inherited attributes have been added
}

var bakeSchema = &hcl.BodySchema{
	Blocks: []hcl.BlockHeaderSchema{
		{Type: "variable", LabelNames: []string{"name"}}, {Type: "function", LabelNames: []string{"name"}},
		{Type: "group", LabelNames: []string{"name"}}, {Type: "target", LabelNames: []string{"name"}},
	},
}

func (c *Conversion) readBake(t *survey.Tree) error {
	var file *hcl.File
	var problems hcl.Diagnostics
	if strings.HasSuffix(c.File, ".json") {
		file, problems = hcljson.Parse([]byte(t.Text(c.File)), c.File)
	} else {
		file, problems = hclsyntax.ParseConfig([]byte(t.Text(c.File)), c.File, hcl.InitialPos)
	}
	if problems.HasErrors() {
		return fmt.Errorf("reading %w", problems)
	}
	content, rest, problems := file.Body.PartialContent(bakeSchema)
	if problems.HasErrors() {
		return fmt.Errorf("reading %w", problems)
	}
	b := &bakeFile{c: c, eval: &hcl.EvalContext{Variables: map[string]cty.Value{}}, targets: map[string]*bakeTarget{}, groups: map[string][]string{}}
	if attrs, problems := rest.JustAttributes(); !problems.HasErrors() {
		for _, name := range slices.Sorted(maps.Keys(attrs)) { // NAME = VALUE is a variable, too
			b.variable(name, attrs[name])
		}
	}
	for _, block := range content.Blocks {
		b.block(block)
	}
	for _, name := range b.released() {
		b.image(name)
	}
	return nil
}

// block reads a block of the file, and adds leftovers for the keys that are not converted.
func (b *bakeFile) block(block *hcl.Block) {
	line, name := block.DefRange.Start.Line, block.Labels[0]
	if block.Type == "function" {
		b.c.leave(line, "function "+name, keyOf(bakeKeys, "function").Becomes)
		return
	}
	content, problems := block.Body.JustAttributes()
	if problems.HasErrors() { // a nested block, such as validation
		b.c.leave(line, block.Type+" "+name, problems[0].Summary)
	}
	for _, attr := range slices.Sorted(maps.Keys(content)) {
		if k := keyOf(bakeKeys, block.Type+"."+attr); k.Open {
			b.c.leave(content[attr].Range.Start.Line, block.Type+" "+name+": "+attr, k.Becomes)
		}
	}
	switch block.Type {
	case "variable":
		b.variable(name, content["default"])
	case "group":
		b.groups[name] = b.list(content["targets"])
	case "target":
		b.names = append(b.names, name)
		b.targets[name] = &bakeTarget{line: line, attrs: content}
	}
}

// keyOf returns the key of a table with a name, or one without a counterpart.
func keyOf(keys []tableKey, name string) tableKey {
	if i := slices.IndexFunc(keys, func(k tableKey) bool { return k.Name == name }); i >= 0 {
		return keys[i]
	}
	return tableKey{Name: name, Becomes: noCounterpart, Open: true}
}

// builtIn are variables that slipway.yaml defines, and that vars must not declare.
var builtIn = []string{"VERSION", "TAG", "MAJOR", "MINOR", "PATCH", "COMMIT", "REGISTRY", "REPO", "PROJECT"}

// variable declares a variable. In values, it is replaced by a reference to itself, since the environment may override
// it. If its name has a known meaning, such as VERSION, it is replaced by that meaning; if the name is built in, by its
// default.
func (b *bakeFile) variable(name string, attr *hcl.Attribute) {
	value := survey.Meaning(name)
	if value == "" || value == "${ARCH}" || value == "${OS}" || value == "${WINDOWS}" {
		text := b.one(attr)
		if value = "${" + name + "}"; slices.Contains(builtIn, name) {
			value = text
		} else {
			b.c.Vars[name] = text
		}
	}
	b.eval.Variables[name] = cty.StringVal(value)
}

// released returns the targets of the group default, and those with tags.
func (b *bakeFile) released() []string {
	var names []string
	var add func(name string)
	add = func(name string) {
		if members, ok := b.groups[name]; ok {
			delete(b.groups, name) // groups may contain themselves
			for _, member := range members {
				add(member)
			}
		} else if b.targets[name] != nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	add("default")
	var parents []string // targets that others inherit from are not images
	for _, name := range b.names {
		parents = append(parents, b.list(b.targets[name].attrs["inherits"])...)
	}
	for _, name := range b.names {
		if b.inherit(name).attrs["tags"] != nil && !slices.Contains(names, name) && !slices.Contains(parents, name) {
			names = append(names, name)
		}
	}
	return names
}

// inherit returns a target with the attributes that it inherits.
func (b *bakeFile) inherit(name string) *bakeTarget {
	t := b.targets[name]
	if t == nil || t.done {
		return cmp.Or(t, &bakeTarget{})
	}
	t.done = true
	parents := b.list(t.attrs["inherits"])
	slices.Reverse(parents) // the last one takes precedence
	for _, parent := range parents {
		for key, attr := range b.inherit(parent).attrs {
			if t.attrs[key] == nil {
				t.attrs[key] = attr
			}
		}
	}
	return t
}

// image adds the image of a target.
func (b *bakeFile) image(name string) {
	t := b.inherit(name)
	context, file := cmp.Or(b.one(t.attrs["context"]), "."), cmp.Or(b.one(t.attrs["dockerfile"]), "Dockerfile")
	if strings.Contains(context, "://") || t.attrs["dockerfile-inline"] != nil {
		b.c.leave(t.line, "target "+name, "its context or Dockerfile is not a file of the checkout")
		return
	}
	i := newImage(path.Join(context, file))
	i.Name = name
	v := &i.Variants[0]
	v.Context, v.Target = path.Clean(context), b.one(t.attrs["target"])
	for _, platform := range b.list(t.attrs["platforms"]) {
		if platform == "local" {
			continue // the platform of the machine
		}
		if draft.IsPlatform(platform) {
			v.Platforms = append(v.Platforms, platform)
			b.c.Platforms = survey.AppendNew(b.c.Platforms, platform)
		} else {
			b.c.leave(t.attrs["platforms"].Range.Start.Line, "target "+name+": platforms: "+platform, "Slipway releases for Linux and Windows")
		}
	}
	b.mapping(v.Args, t.attrs["args"])
	b.mapping(i.Labels, t.attrs["labels"])
	b.mapping(i.Annotations, t.attrs["annotations"])
	b.mapping(i.Contexts, t.attrs["contexts"])
	for key, value := range i.Contexts {
		if strings.HasPrefix(value, "target:") {
			delete(i.Contexts, key)
			b.c.leave(t.attrs["contexts"].Range.Start.Line, "target "+name+": contexts: "+key, "an image cannot be the context of another: use one Dockerfile, with a stage for each")
		}
	}
	b.tags(name, i, t.attrs["tags"])
	b.c.Images = append(b.c.Images, i)
}

// tags sets the name of an image from its first tag. Further tags with the same name become tags of the image.
func (b *bakeFile) tags(target string, i *Image, attr *hcl.Attribute) {
	if attr == nil {
		return
	}
	line, key := attr.Range.Start.Line, "target "+target+": tags"
	for _, ref := range b.list(attr) {
		for variable, value := range b.c.Vars { // the name of an image must not be a variable
			ref = strings.ReplaceAll(ref, "${"+variable+"}", value)
		}
		name := survey.WithoutTag(ref)
		tag := strings.TrimPrefix(strings.TrimPrefix(ref, name), ":")
		if len(i.Refs) == 0 {
			i.Refs = []string{name}
		}
		switch {
		case name != i.Refs[0]:
			b.c.leave(line, key+": "+ref, "add its registry and repository to publish")
		case tag != "" && tag != "local" && tag != "${TAG}" && tag != "${VERSION}":
			i.Tags = survey.AppendNew(i.Tags, tag)
		}
	}
}
