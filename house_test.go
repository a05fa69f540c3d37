// Package slipway_test keeps the house as docs/design.md draws it.
package slipway_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/slipway-build/slipway"

// rooms are all packages and the rooms that each may look into. A new room needs
// a line here and a charter in docs/design.md.
var rooms = map[string][]string{
	"cmd/slipway":       {"build", "build/cli", "internal/process"},
	"cmd/slipway-pause": {},
	"build/targets":     {"build", "build/plan", "internal/process", "internal/redact", "internal/usage", "progress"},
	"build/cli": {"build", "build/plan", "build/scaffold", "build/workbench", "images", "images/airgap", "internal/process", "internal/regular",
		"internal/usage", "progress"},
	"build/workbench": {"images", "images/airgap", "images/airgap/format", "images/assemble", "images/engine", "images/hosts", "images/registry",
		"images/store", "internal/fileop", "internal/parallel", "internal/redact", "internal/usage", "progress"},
	"build/scaffold": {"build/config", "build/config/expression", "internal/fileop", "internal/regular"},
	"build/plan": {"build/config", "build/config/expression", "build/version", "images", "internal/regular", "internal/suggest",
		"internal/usage", "progress"},
	"build/config": {"build/compile", "build/config/expression", "build/version", "images", "images/engine", "images/hosts", "internal/regular",
		"internal/suggest", "progress"},
	"build/config/expression": {},
	"build/version":           {"internal/process"},
	"build": {"build/bundle", "build/compile", "build/config", "build/plan", "build/publish", "build/version", "build/workbench", "images",
		"images/airgap", "images/airgap/format", "images/assemble", "images/hosts", "images/store", "internal/fileop",
		"internal/parallel", "internal/regular", "internal/usage", "progress"},
	"build/compile":              {"images", "internal/fileop", "internal/process", "internal/regular", "progress"},
	"build/bundle":               {"images", "internal/fileop", "internal/regular", "progress"},
	"build/publish":              {"images", "internal/fileop", "internal/regular", "progress"},
	"images":                     {"internal/sniff"},
	"images/layer":               {"images"},
	"images/buildfile":           {"images", "internal/regular", "internal/sniff"},
	"images/fstree":              {"images", "images/layer", "internal/regular"},
	"images/assemble/dockerfile": {"images", "images/buildfile", "internal/suggest"},
	"images/assemble":            {"images", "images/assemble/dockerfile", "images/buildfile", "images/fstree", "images/layer", "internal/fileop", "internal/sniff", "internal/regular", "progress"},
	"images/engine":              {"images", "images/buildfile", "images/store", "internal/sniff", "internal/regular", "progress"},
	"images/store":               {"images", "internal/fileop", "internal/sniff", "internal/regular", "progress"},
	"images/credentials":         {"internal/process", "internal/regular"},
	"images/hosts":               {"internal/redact", "internal/regular"},
	"images/registry":            {"images", "images/credentials", "images/hosts", "images/store", "internal/redact", "internal/regular", "progress"},
	"images/zstd":                {},
	"images/airgap/format":       {"images", "internal/fileop", "internal/regular", "internal/sniff", "internal/streams"},
	"images/airgap":              {"images", "images/airgap/format", "images/fstree", "images/layer", "images/store", "images/zstd", "internal/atomicfile", "internal/fileop", "internal/regular", "internal/sniff", "internal/streams", "progress"},
	"images/imagetest":           {"images", "internal/testfile"}, // and only tests look into it
	"internal/atomicfile":        {"internal/fileop"},
	"internal/fileop":            {},
	"internal/golden":            {}, // only tests look into it
	"internal/regular":           {"internal/fileop"},
	"internal/parallel":          {},
	"internal/process":           {},
	"internal/redact":            {},
	"internal/sniff":             {},
	"internal/streams":           {},
	"internal/suggest":           {},
	"internal/testfile":          {}, // only tests look into it
	"internal/usage":             {},
	"progress":                   {"internal/redact"},
}

// hosts are the heavy guests, and those that one room must handle for all, and the
// rooms that they stay in. A guest is a module or package path; everything below it
// counts.
var hosts = map[string][]string{
	"github.com/magefile/mage":                     {"build/targets"},
	"github.com/spf13/cobra":                       {"build/cli"},
	"go.yaml.in/yaml":                              {"build/config", "build/scaffold"},
	"github.com/google/jsonschema-go":              {"build/config"},
	"github.com/google/go-github":                  {"build/publish"},
	"github.com/goreleaser/nfpm":                   {"build/bundle"},
	"github.com/docker/docker":                     {"images/engine"},
	"github.com/docker/cli":                        {"images/credentials", "images/engine"}, // credentials, ssh:// addresses
	"github.com/moby/buildkit/frontend/dockerfile": {"images/assemble", "images/assemble/dockerfile", "images/engine"},
	"github.com/moby/buildkit":                     {"images/engine"},
	"github.com/klauspost/compress":                {"images/layer", "images/store", "images/zstd", "images/airgap", "images/airgap/format", "images/imagetest", "internal/sniff"},
	"github.com/klauspost/pgzip":                   {"images/store", "images/airgap"},
	"github.com/ulikunitz/xz":                      {"internal/sniff"},
	"github.com/gofrs/flock":                       {"build", "images/store", "images/airgap", "build/compile"},
	"github.com/vbauerster/mpb":                    {"progress"},
	"github.com/docker/docker-credential-helpers":  {"images/credentials"},
	"os/exec":                    {"internal/process", "images/imagetest", "internal/testfile"},
	"github.com/BurntSushi/toml": {"images/hosts"},
	"golang.org/x/term":          {"progress"},
	"github.com/google/go-containerregistry/pkg/v1/remote": {"images/imagetest"},
	"golang.org/x/text": {"internal/sniff"},
}

// testRooms are those that only tests look into.
var testRooms = []string{"images/imagetest", "internal/golden", "internal/testfile"}

// calls are functions that one room calls for all others, which use that room.
var calls = map[string]string{
	"os.Open":     "internal/regular",
	"os.ReadFile": "internal/regular",
}

// namesOfNothing say nothing of what is inside.
var namesOfNothing = []string{"util", "utils", "common", "helper", "helpers", "types", "misc", "base", "shared"}

func TestRoomsImportOnlyWhatTheDrawingAllows(t *testing.T) {
	for _, v := range violations(t, ".") {
		t.Error(v)
	}
}

func TestAForbiddenImportIsFound(t *testing.T) {
	for _, c := range []struct{ name, file, source, want string }{
		{"images looks back into build", "images/store/x.go", "package store\nimport _ \"" + module + "/build\"",
			"images/store/x.go:2: images/store may not import build"},
		{"brothers", "images/airgap/x.go", "package airgap\nimport _ \"" + module + "/images/registry\"",
			"images/airgap may not import images/registry"},
		{"a guest outside its host", "build/x.go", "package build\nimport _ \"github.com/spf13/cobra\"",
			"github.com/spf13/cobra is a guest of build/cli"},
		{"the client of BuildKit in the assembler", "images/assemble/x.go", "package assemble\nimport _ \"github.com/moby/buildkit/client\"",
			"is a guest of images/engine"},
		{"a file opened whatever it is", "build/x.go", "package build\nimport \"os\"\nfunc f() { os.Open(\"x\") }",
			"build/x.go:3: os.Open: use internal/regular"},
		{"test support in the product", "images/store/x.go", "package store\nimport _ \"" + module + "/images/imagetest\"",
			"images/store may not import images/imagetest"},
		{"a room without a charter", "images/new/x.go", "package new", "images/new is not a room of the house"},
		{"a room named for nothing", "images/util/x.go", "package util", "images/util: the name says nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, filepath.FromSlash(c.file))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(c.source), 0o644); err != nil {
				t.Fatal(err)
			}
			if found := strings.Join(violations(t, dir), "\n"); !strings.Contains(found, c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}

// violations reads the imports of all Go files below dir that are no tests.
func violations(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			// runtime and scripts/* are modules of their own.
			if slices.Contains([]string{".git", "dist", "runtime", "testdata", "scripts"}, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if path.Ext(rel) != ".go" || strings.HasSuffix(rel, "_test.go") || !strings.Contains(rel, "/") {
			return nil
		}
		found = append(found, fileViolations(t, file, rel)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func fileViolations(t *testing.T, file, rel string) (found []string) {
	t.Helper()
	room := path.Dir(rel)
	if slices.Contains(namesOfNothing, path.Base(room)) {
		return []string{room + ": the name says nothing of what is inside"}
	}
	allowed, ok := rooms[room]
	if !ok {
		return []string{room + " is not a room of the house: see docs/design.md"}
	}
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			called := fmt.Sprint(selector.X, ".", selector.Sel)
			if its := calls[called]; its != "" && its != room && !slices.Contains(testRooms, room) {
				found = append(found, fmt.Sprintf("%s:%d: %s: use %s", rel, fset.Position(n.Pos()).Line, called, its))
			}
		}
		return true
	})
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		where := fmt.Sprintf("%s:%d", rel, fset.Position(spec.Pos()).Line)
		if own, ok := strings.CutPrefix(imported, module+"/"); ok {
			if !slices.Contains(allowed, own) {
				found = append(found, fmt.Sprintf("%s: %s may not import %s", where, room, own))
			}
			continue
		}
		if guest := guestOf(imported); guest != "" && !slices.Contains(hosts[guest], room) {
			found = append(found, fmt.Sprintf("%s: %s is a guest of %s", where, imported, strings.Join(hosts[guest], ", ")))
		}
	}
	return found
}

// guestOf is the longest path in hosts that imported lies at or below.
func guestOf(imported string) (guest string) {
	for path := range hosts {
		if (imported == path || strings.HasPrefix(imported, path+"/")) && len(path) > len(guest) {
			guest = path
		}
	}
	return guest
}

// blockable are the calls of os that another process may block for a moment on
// Windows. internal/fileop tries them again.
var blockable = []string{"os.Rename(", "os.Remove(", "os.RemoveAll("}

func TestFilesAreRenamedAndRemovedInOnePlace(t *testing.T) {
	for room := range rooms {
		if room == "internal/fileop" || room == "images/imagetest" {
			continue
		}
		files, err := filepath.Glob(filepath.Join(filepath.FromSlash(room), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for n, line := range strings.Split(string(source), "\n") {
				for _, call := range blockable {
					if strings.Contains(line, call) {
						t.Errorf("%s:%d: %s…) fails on Windows while another process has the file open; use internal/fileop", file, n+1, call)
					}
				}
			}
		}
	}
}
