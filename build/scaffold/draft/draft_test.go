package draft

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/build/config/expression"
)

// hostile are texts with a meaning in YAML.
var hostile = []string{
	"plain", "", " ", "-", "- a", "a: b", "# no comment", "a #b", "yes", "null", "1.0", "0x10", "2026-01-01", "~", "*a", "&a", "!a", "%a", "@a",
	"`a`", `"`, `'`, `\`, "a\nb", "\t", "[a]", "{a}", "a,b", "é", "\u2028", "\x00", "${", "$", "$$", "${NOT_A_VARIABLE}", "a: |\n  b",
}

func TestScalarsAreReadBack(t *testing.T) {
	for _, text := range hostile {
		for _, form := range []string{"a: %", "a: [%, b]", "a: {b: %}"} {
			var got struct{ A any }
			if err := yaml.Unmarshal([]byte(strings.Replace(form, "%", scalar(text), 1)), &got); err != nil {
				t.Errorf("%q as %s in %s: %v", text, scalar(text), form, err)
				continue
			}
			switch a := got.A.(type) {
			case []any:
				got.A = a[0]
			case map[string]any:
				got.A = a["b"]
			}
			if got.A != text {
				t.Errorf("%q as %s in %s: got %q", text, scalar(text), form, got.A)
			}
		}
	}
}

func TestLiteralsContainNoVariables(t *testing.T) {
	for _, text := range hostile {
		var got string
		if err := yaml.Unmarshal([]byte(literal(text)), &got); err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		e, err := expression.Parse(got)
		if err != nil {
			t.Errorf("%q as %q: %v", text, got, err)
		} else if names := e.Names(); len(names) > 0 {
			t.Errorf("%q as %q: it has the variables %v", text, got, names)
		}
	}
}

func TestCommentsStayInTheirLine(t *testing.T) {
	d := &Draft{Project: "p", Registry: "docker.io", Repository: "r", NameDoubt: "a\nb: c", Platforms: []string{"linux/amd64"}, Doubts: []string{"x\r\ny\x01"},
		Remarks: []string{"from\u2028\x00here"}, From: "file", Leftovers: []Leftover{{2, "later", "w\nx"}, {1, "first", "y"}, {1, "first", "y"}}}
	text := d.Text()
	for _, want := range []string{"registry: docker.io # unsure: a b: c\n", "# unsure: x y?\n", "# from ?here\n",
		"# not converted: file:1: first: y\n# not converted: file:2: later: w x\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("missing %q in\n%s", want, text)
		}
	}
	var got map[string]any
	if err := yaml.Unmarshal([]byte(text), &got); err != nil {
		t.Error(err)
	}
	if got["project"] != "p" || len(got) != 4 {
		t.Errorf("got %v", got)
	}
}

func TestDisabledImagesAreComments(t *testing.T) {
	on := &Image{Name: "active", Variants: []Variant{{Platforms: []string{"linux/amd64"}, Dockerfile: "Dockerfile"}}}
	off := &Image{Name: "other", Off: "its context is missing", Stage: []StagedFile{{From: "it's", To: ".", Folder: true}},
		Variants: []Variant{{Platforms: []string{"windows/amd64"}, Dockerfile: "a b", Args: map[string]string{"A": "1"}, Staged: true}}}
	d := &Draft{Project: "p", Registry: "docker.io", Repository: "r", Platforms: []string{"linux/amd64", "windows/amd64"}, Images: []*Image{on, off}}
	var got struct {
		Images []struct{ Name string }
		Airgap struct{ Lists map[string]any }
	}
	if err := yaml.Unmarshal([]byte(d.Text()), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Images) != 1 || got.Images[0].Name != "active" || len(got.Airgap.Lists) != 1 {
		t.Errorf("got %+v, want the image that is on, and its list", got)
	}
	for _, want := range []string{"  # unsure: the image other is not active: its context is missing\n", "  # - name: other\n", "cp -R 'it'\\''s' dist/context/other/${PLATFORM}\n"} {
		if !strings.Contains(d.Text(), want) {
			t.Errorf("missing %q in\n%s", want, d.Text())
		}
	}
}

func TestIsPlatform(t *testing.T) {
	for text, want := range map[string]bool{
		"linux/amd64": true, "linux/arm/v7": true, "windows/amd64": true, "linux/riscv64": true,
		"darwin/arm64": false, "windows/ppc64le": false, "windows/amd64:10.0.1.2": false, "linux": false, "linux/$ARCH": false, "": false,
	} {
		if got := IsPlatform(text); got != want {
			t.Errorf("IsPlatform(%q): got %v, want %v", text, got, want)
		}
	}
}
