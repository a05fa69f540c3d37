package cli

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/doctor"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/record"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/report"
	"github.com/slipway-build/slipway/build/why"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/build/workbench/signatures"
	"github.com/slipway-build/slipway/docs"
	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/golden"
	"github.com/slipway-build/slipway/progress"
)

// A document is the output of a command with --json, or a file.
type document struct {
	name, about string
	// types are the possible types of the document.
	types []reflect.Type
}

func documents() []document {
	result, planned := reflect.TypeFor[release.Report](), reflect.TypeFor[plan.Plan]()
	return []document{
		{"plan", "slipway plan --json", []reflect.Type{planned}},
		{"plan-shards", "slipway plan --shards N --json", []reflect.Type{reflect.TypeFor[[]plan.ShardSteps]()}},
		{"plan-diff", "slipway plan --diff RELEASE --json", []reflect.Type{reflect.TypeFor[release.PlanDiff]()}},
		{"doctor", "slipway doctor --json", []reflect.Type{reflect.TypeFor[doctor.Result]()}},
		{"why", "slipway why --json", []reflect.Type{reflect.TypeFor[[]why.Answer]()}},
		{"report", "slipway report --json, and the data in its page", []reflect.Type{reflect.TypeFor[report.Document]()}},
		{"build", "slipway build --json, with --dry-run a plan", []reflect.Type{result, planned}},
		{"package", "slipway package --json, with --dry-run a plan", []reflect.Type{result, planned}},
		{"publish", "slipway publish --json, with --dry-run a plan", []reflect.Type{result, planned}},
		{"publish-release", "slipway publish release --json", []reflect.Type{result}},
		{"merge", "slipway merge --json", []reflect.Type{result}},
		{"verify", "slipway verify --json", []reflect.Type{reflect.TypeFor[verification]()}},
		{"airgap-ls", "slipway airgap ls --json, with --proof the proof of archives", []reflect.Type{reflect.TypeFor[[]listedImage](), reflect.TypeFor[[]listedProof]()}},
		{"airgap-find", "slipway airgap find --json", []reflect.Type{reflect.TypeFor[foundImage]()}},
		{"airgap-verify", "slipway airgap verify --json", []reflect.Type{reflect.TypeFor[[]verifiedArchive]()}},
		{"airgap-push", "slipway airgap push --json", []reflect.Type{reflect.TypeFor[[]pushedTag]()}},
		{"airgap-load", "slipway airgap load --json", []reflect.Type{reflect.TypeFor[loadedArchives]()}},
		{"image-sign", "slipway image sign --json", []reflect.Type{reflect.TypeFor[[]signatures.SignedImage]()}},
		{"image-verify", "slipway image verify --json", []reflect.Type{reflect.TypeFor[[]signatures.SignedImage]()}},
		{"image-copy", "slipway image copy --json", []reflect.Type{reflect.TypeFor[[]copiedTag]()}},
		{"index-inspect", "slipway index inspect --json", []reflect.Type{reflect.TypeFor[workbench.Inspection]()}},
		{"cache-ls", "slipway cache ls --json", []reflect.Type{reflect.TypeFor[[]cacheEntry]()}},
		{"cache-stats", "slipway cache stats --json", []reflect.Type{reflect.TypeFor[[]cache.Summary]()}},
		{"size", "slipway size --json", []reflect.Type{reflect.TypeFor[sizes]()}},
		{"version", "slipway version --json", []reflect.Type{reflect.TypeFor[program]()}},
		{"artifacts.json", "the file dist/artifacts.json", []reflect.Type{result}},
		{"record", "the file of --record", []reflect.Type{reflect.TypeFor[record.Record]()}},
		{"event", "a line of standard error with --progress json", []reflect.Type{reflect.TypeFor[progress.Event]()}},
	}
}

func TestOutputSchemaIsCommitted(t *testing.T) {
	m := &schemaMaker{t: t, defs: map[string]*jsonschema.Schema{}, types: map[string]reflect.Type{}, comments: map[string]map[string]string{}}
	whole := &jsonschema.Schema{
		Schema: "https://json-schema.org/draft/2020-12/schema",
		ID:     "https://raw.githubusercontent.com/slipway-build/slipway/main/docs/json.schema.json",
		Title:  "JSON documents of Slipway",
		Description: "The documents that slipway prints with --json and writes to files, each under its name in $defs. " +
			"Programs must ignore members that they do not know.",
		Defs: m.defs,
	}
	for _, d := range documents() {
		var choices []*jsonschema.Schema
		for _, typ := range d.types {
			s := m.of(typ)
			if typ.Kind() == reflect.Slice {
				s.Type, s.Types = "array", nil
			} else if d.printed() {
				s = &jsonschema.Schema{AllOf: []*jsonschema.Schema{s}, Required: []string{"format"},
					Properties: map[string]*jsonschema.Schema{"format": {Const: jsonschema.Ptr[any](jsonFormat)}}}
			}
			choices = append(choices, s)
		}
		s := choices[0]
		if len(choices) > 1 {
			s = &jsonschema.Schema{AnyOf: choices}
		}
		s.Description = d.about
		m.defs[d.name] = s
		whole.AnyOf = append(whole.AnyOf, &jsonschema.Schema{Ref: "#/$defs/" + d.name})
	}
	data, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.EqualFile(t, filepath.Join("..", "..", "docs", "json.schema.json"), append(data, '\n'))
}

// printed reports whether a command prints it with --json, which adds format.
func (d document) printed() bool { return strings.HasPrefix(d.about, "slipway ") }

// TestEveryDocumentHasASchema checks that each command with --json is in the schema and in docs/json.md.
func TestEveryDocumentHasASchema(t *testing.T) {
	p := Program{Getenv: func(string) (string, bool) { return "", false }}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "json.md"))
	if err != nil {
		t.Fatal(err)
	}
	everyCommand(p.root(), func(c *cobra.Command) {
		if c.Flags().Lookup("json") == nil {
			return
		}
		command := strings.TrimPrefix(c.CommandPath(), "slipway ")
		if !slices.ContainsFunc(documents(), func(d document) bool { return d.name == strings.ReplaceAll(command, " ", "-") }) {
			t.Errorf("%s --json has no schema", command)
		}
		if !strings.Contains(string(page), "`"+command+" --json`") && !strings.Contains(string(page), "`"+command+"`") {
			t.Errorf("docs/json.md does not mention %s", command)
		}
	})
}

// TestOutputsAgreeWithTheSchema runs the commands, and checks that the schema has every member that they print.
func TestOutputsAgreeWithTheSchema(t *testing.T) {
	dir, config := project(t)
	hub := imagetest.Registry(t)
	dist, merged := filepath.Join(dir, "dist"), filepath.Join(dir, "merged")
	archive := filepath.Join(dist, "artifacts", "acme-images.linux-amd64.tar.zst")
	env := map[string]string{"REGISTRY": hub, "SLIPWAY_CACHE": t.TempDir(), "PROGRESS": "json", "COSIGN_PASSWORD": "pw",
		"SLIPWAY_RECORD": filepath.Join(t.TempDir(), "record.json")}
	recorded := map[string]bool{}
	key := filepath.Join(dir, "key")
	if status, _, stderr := run(t, env, "key", "generate", "--output-key-prefix", key); status != 0 {
		t.Fatal(stderr)
	}
	ref := hub + "/team/acme-runtime:v1.0.0-dev"
	events := map[string]bool{}
	for _, c := range []struct {
		document string
		args     []string
	}{
		{"plan", []string{"plan", "--config", config}},
		{"build", []string{"build", "--dry-run", "--config", config}},
		{"build", []string{"build", "--config", config}},
		{"package", []string{"package", "--config", config}},
		{"doctor", []string{"doctor", "--offline", "--config", config}},
		{"why", []string{"why", "--config", config}},
		{"plan-diff", []string{"plan", "--diff", dist, "--config", config}},
		{"report", []string{"report", dist, "--with", dist}},
		{"verify", []string{"verify", "--config", config}},
		{"merge", []string{"merge", "--out", merged, "--config", config, dist}},
		{"publish", []string{"publish", "--snapshot", "--config", config}},
		{"index-inspect", []string{"index", "inspect", ref}},
		{"image-sign", []string{"image", "sign", "--key", key + ".key", ref}},
		{"image-verify", []string{"image", "verify", "--key", key + ".pub", ref}},
		{"image-copy", []string{"image", "copy", ref, hub + "/mirror"}},
		{"airgap-ls", []string{"airgap", "ls", archive}},
		{"size", []string{"size", archive, archive}},
		{"airgap-verify", []string{"airgap", "verify", archive}},
		{"airgap-find", []string{"airgap", "find", ref, archive}},
		{"airgap-push", []string{"airgap", "push", archive, hub + "/pushed"}},
		{"version", []string{"version"}},
	} {
		status, stdout, stderr := run(t, env, append(c.args, "--json")...)
		if status != 0 {
			t.Fatalf("%v: exit status %d\n%s%s", c.args, status, stdout, stderr)
		}
		agrees(t, c.document, []byte(stdout))
		if raw, err := os.ReadFile(env["SLIPWAY_RECORD"]); err == nil {
			agrees(t, "record", raw)
			of, err := record.ReadFile(env["SLIPWAY_RECORD"])
			if err != nil || of.Command != "slipway "+c.document || len(of.Tasks) == 0 {
				t.Errorf("%v: record %+v (%v)", c.args, of, err)
			}
			recorded[c.document] = true
			os.Remove(env["SLIPWAY_RECORD"])
		}
		for line := range strings.Lines(stderr) {
			var e progress.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%v: %q: %v", c.args, line, err)
			}
			if !events[e.Event] {
				events[e.Event] = true
				agrees(t, "event", []byte(line))
			}
		}
	}
	if got := slices.Sorted(maps.Keys(recorded)); !slices.Equal(got, []string{"build", "merge", "package", "publish", "verify"}) {
		t.Errorf("the commands %v were recorded", got)
	}
	if !events["start"] || !events["end"] {
		t.Errorf("saw only the events %v", events)
	}
	report, err := os.ReadFile(filepath.Join(dist, "artifacts.json"))
	if err != nil {
		t.Fatal(err)
	}
	agrees(t, "artifacts.json", report)
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "release.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	agrees(t, "artifacts.json", []byte(example))
	// The plans of other tests have members that are missing in this project.
	plans, err := filepath.Glob(filepath.Join("..", "plan", "testdata", "TestPlan", "*.json.golden"))
	if err != nil || len(plans) < 3 {
		t.Fatalf("found %d plans (%v)", len(plans), err)
	}
	for _, file := range plans {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		agrees(t, "Plan", text)
	}
}

// agrees checks a document against the schema. It must not have other members.
func agrees(t *testing.T, document string, text []byte) {
	t.Helper()
	var schema jsonschema.Schema
	if err := json.Unmarshal([]byte(docs.OutputSchema), &schema); err != nil {
		t.Fatal(err)
	}
	schema.AnyOf, schema.Ref = nil, "#/$defs/"+document
	for _, def := range schema.Defs {
		if def.Type == "object" && def.AdditionalProperties == nil {
			if def.Properties["format"] == nil {
				def.Properties["format"] = &jsonschema.Schema{} // of the document
			}
			def.AdditionalProperties = &jsonschema.Schema{Not: &jsonschema.Schema{}}
		}
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%s: %v\n%s", document, err, text)
	}
	if err := resolved.Validate(value); err != nil {
		t.Errorf("%s differs from its schema: %v\n%s", document, err, text)
	}
}

func TestSchema(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{nil, 0, `"$id": "https://raw.githubusercontent.com/slipway-build/slipway/v1.2.3/docs/slipway.schema.json"`},
		{[]string{"config"}, 0, "/v1.2.3/docs/slipway.schema.json"},
		{[]string{"output"}, 0, "/v1.2.3/docs/json.schema.json"},
		{[]string{"plan"}, 2, `unknown schema "plan": want config or output`},
		{[]string{"config", "output"}, 2, "slipway schema --help"},
	} {
		status, stdout, stderr := run(t, nil, append([]string{"schema"}, c.args...)...)
		if status != c.status || !strings.Contains(stdout+stderr, c.says) {
			t.Errorf("%v: exit status %d, %.300s%s", c.args, status, stdout, stderr)
		}
	}
	for _, version := range []string{"dev", "v1.2.3-dev", "v1.2.3+dev.4.1a2b3c4d", "v0.0.0-20260101000000-1a2b3c4d5e6f"} {
		if got := schemaOfVersion(docs.ConfigSchema, version); got != docs.ConfigSchema {
			t.Errorf("%s: the schema names a tag that does not exist", version)
		}
	}
}
