package convert

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/golden"
)

// TestPagesHaveTheKeys compares the tables of docs/coming-from-*.md with those of the converters.
func TestPagesHaveTheKeys(t *testing.T) {
	for _, c := range converters {
		if c.tool == "promu" {
			continue // it has no page, since it has few keys
		}
		file := filepath.FromSlash("../../../docs/coming-from-" + c.tool + ".md")
		page, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		page = bytes.ReplaceAll(page, []byte("\r\n"), []byte("\n"))
		const begin, end = "<!-- keys, written by go test ./build/scaffold/convert -update -->\n", "<!-- end of keys -->\n"
		before, rest, ok := strings.Cut(string(page), begin)
		_, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Errorf("%s: missing %q or %q", file, begin, end)
			continue
		}
		var table strings.Builder
		fmt.Fprintf(&table, "| %s | slipway.yaml | left to you |\n|---|---|---|\n", filepath.Base(c.files[0]))
		for _, k := range c.keys {
			open := ""
			if k.Open {
				open = "yes"
			}
			fmt.Fprintf(&table, "| `%s` | %s | %s |\n", k.Name, k.Becomes, open)
		}
		golden.EqualFile(t, file, []byte(before+begin+table.String()+end+after))
	}
}

func TestKeysAreWritten(t *testing.T) {
	for _, c := range converters {
		var names []string
		for _, k := range c.keys {
			if k.Becomes == "" || slices.Contains(names, k.Name) {
				t.Errorf("%s: %s is a duplicate, or has no counterpart or reason", c.tool, k.Name)
			}
			names = append(names, k.Name)
			if parent, _, ok := cutLast(k.Name); ok && !slices.Contains(names, parent) {
				t.Errorf("%s: %s comes before its parent %s", c.tool, k.Name, parent)
			}
		}
	}
}

func cutLast(name string) (parent, key string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name, false
	}
	return strings.TrimSuffix(name[:i], "[]"), name[i+1:], true
}

func TestTranslate(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "",
		"plain ${NOT} $a":                  "plain $${NOT} $$a",
		"{{.Version}}":                     "${VERSION}",
		"v{{ .Version }}-{{.ShortCommit}}": "${VERSION}-${SHORT_COMMIT}",
		"dev{{ .Version }}":                "dev${VERSION}",
		"a {{- .Os -}} b":                  "a${OS}b",
		"{{ .Env.HOME }}":                  "${HOME:-}",
		"{{ if .IsSnapshot }}x{{ end }}":   "not known",
		"{{ .Version":                      "not known",
		"{{ .Nothing }}":                   "not known",
	} {
		got, env, ok := translate(text)
		if !ok {
			got = "not known"
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		if want := strings.Contains(text, ".Env."); want != (len(env) > 0) {
			t.Errorf("%q: got the environment variables %v", text, env)
		}
	}
}
