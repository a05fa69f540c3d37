package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v3"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// TestPartsOfSlipwayYAML checks that the keys and values in the parts of slipway.yaml on pages exist. YAML with none of
// its keys, the workflows on the pages ci-*.md, and the policies on verifying.md are other files.
func TestPartsOfSlipwayYAML(t *testing.T) {
	data, err := makeSchema()
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	schema.Required = nil
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range yamlBlock.FindAllSubmatchIndex(text, -1) {
			line := 1 + strings.Count(string(text[:m[2]]), "\n")
			var value map[string]any
			if err := yaml.Unmarshal(text[m[2]:m[3]], &value); err != nil {
				t.Errorf("%s:%d: %v", page, line, err)
				continue
			}
			if name := filepath.Base(page); strings.HasPrefix(name, "ci-") || name == "verifying.md" {
				continue
			}
			ours := false
			for key := range value {
				ours = ours || schema.Properties[key] != nil
			}
			if !ours {
				t.Logf("%s:%d: not slipway.yaml", page, line)
				continue
			}
			checked++
			if err := resolved.Validate(jsonValue(value)); err != nil {
				t.Errorf("%s:%d: %v", page, line, err)
			}
		}
	}
	if checked < 10 {
		t.Errorf("found only %d parts of slipway.yaml", checked)
	}
}
