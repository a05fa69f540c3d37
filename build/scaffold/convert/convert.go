package convert

import (
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
	"github.com/slipway-build/slipway/internal/usage"
)

// A Conversion is the content of another tool's file in terms of slipway.yaml. Values that the file does not have are
// empty.
type Conversion struct {
	Tool, File string
	Project    string
	Platforms  []string
	Binaries   []*draft.Binary // Name may be empty, which means the project's
	Images     []*Image
	Bundles    []draft.Bundle
	Names      map[string]string // keys of names
	Before     []string          // shell commands
	GitHub     string            // owner/name
	Release    map[string]string // keys of publish.github
	Publish    bool              // whether the file has a destination
	Env        []string          // environment variables that values refer to
	Vars       map[string]string // vars
	// Base is the base image of ko, and BaseOverrides maps single import paths to base images, for an image of each
	// program.
	Base          string
	BaseOverrides map[string]string
	Notes         []string // differences despite a complete conversion
	Leftovers     []draft.Leftover

	gitURL    string // of the remote, or ""
	builds    map[string]build
	elsewhere []string // references in other repositories, which become one leftover
}

// An Image is an image of another tool's file: one variant, whose arguments and platforms come from the file.
type Image struct {
	draft.Image
	Refs   []string // references without tags
	Extra  []string // files beside the binary
	Staged bool     // the context has only the binaries and Extra
	// Base is the base image of an image without a Dockerfile, which has Program as /ko-app/NAME; or "".
	Base    string
	Program *draft.Binary
}

// A build is the result of a build of goreleaser, by its id.
type build struct {
	binary    *draft.Binary
	platforms []string
}

// A tableKey is a key of another tool's file, such as builds[].env.
type tableKey struct {
	Name string
	// Becomes is the corresponding key of slipway.yaml, or the reason why there is none.
	Becomes string
	// Open means that the user has to decide or write something, so that the key is a leftover.
	Open bool
	// All means that Becomes applies to all keys below.
	All bool
}

// noCounterpart is the value of Becomes for keys that are not in a table.
const noCounterpart = "no counterpart"

// A converter finds and reads the file of one tool.
type converter struct {
	tool  string
	files []string
	keys  []tableKey
	read  func(c *Conversion, t *survey.Tree) error
}

// converters are the tools whose files are read. The files with the most information come first.
var converters = []converter{
	{tool: "goreleaser", keys: goreleaserKeys, read: (*Conversion).readGoreleaser, files: []string{
		".goreleaser.yaml", ".goreleaser.yml", "goreleaser.yaml", "goreleaser.yml", ".config/goreleaser.yaml", ".config/goreleaser.yml"}},
	{tool: "promu", keys: promuKeys, read: (*Conversion).readPromu, files: []string{".promu.yml", ".promu.yaml"}},
	{tool: "ko", keys: koKeys, read: (*Conversion).readKo, files: []string{".ko.yaml", ".ko.yml"}},
	{tool: "bake", keys: bakeKeys, read: (*Conversion).readBake, files: []string{"docker-bake.hcl", "docker-bake.json"}},
}

// Tools are the tools whose files can be converted.
func Tools() []string {
	var tools []string
	for _, c := range converters {
		tools = append(tools, c.tool)
	}
	return tools
}

// Find converts the file of a tool, which must exist. With an empty tool, it converts the file of the first tool that
// has one, or returns nil.
func Find(s *survey.Survey, tool string) (*Conversion, error) {
	t := s.Tree
	for _, one := range converters {
		if tool != "" && one.tool != tool {
			continue
		}
		if i := slices.IndexFunc(one.files, t.IsFile); i >= 0 {
			c := &Conversion{gitURL: s.Origin.URL(), Tool: one.tool, File: one.files[i], Names: map[string]string{}, Release: map[string]string{}, Vars: map[string]string{}, builds: map[string]build{}}
			return c, one.read(c, t)
		}
		if tool != "" {
			return nil, usage.Errorf("converting the file of %s: %s has none of %s", tool, t.Root, strings.Join(one.files, ", "))
		}
	}
	if tool != "" {
		return nil, usage.Errorf("converting the file of %q: unknown tool: want %s", tool, strings.Join(Tools(), ", "))
	}
	return nil, nil
}

var gitURL = regexp.MustCompile(`\{\{\s*\.GitURL\s*\}\}`)

// value translates the templates in text. If it cannot, it adds a leftover and returns "".
func (c *Conversion) value(line int, key, text string) string {
	if c.gitURL != "" {
		text = gitURL.ReplaceAllLiteralString(text, c.gitURL)
	}
	value, env, ok := translate(text)
	if !ok {
		c.leave(line, key, "the template "+text)
		return ""
	}
	c.Env = survey.AppendNew(c.Env, env...)
	return value
}

// values translates a list. Values that cannot be translated become leftovers.
func (c *Conversion) values(line int, key string, texts []string) []string {
	var all []string
	for _, text := range texts {
		if value := c.value(line, key, text); value != "" {
			all = append(all, value)
		}
	}
	return all
}

// env translates NAME=VALUE. CGO_ENABLED=0 is omitted, since it is Slipway's default.
func (c *Conversion) env(line int, key string, texts []string) map[string]string {
	env := map[string]string{}
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || text == "CGO_ENABLED=0" {
			continue
		}
		if value := c.value(line, key, value); value != "" {
			env[name] = value
		}
	}
	return env
}

// linkerFlags adds the flags of a text to a binary.
func (c *Conversion) linkerFlags(b *draft.Binary, line int, key, text string) {
	for _, flag := range survey.LinkerFlags(text) {
		value := c.value(line, key, flag)
		if assignment, ok := strings.CutPrefix(value, "-X "); ok {
			value = survey.LinkerVariable(assignment)
		}
		if value != "" {
			b.Ldflags = survey.AppendNew(b.Ldflags, value)
		}
	}
}
