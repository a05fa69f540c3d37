package survey

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/slipway-build/slipway/internal/golden"
	"github.com/slipway-build/slipway/internal/testfile"
)

// TestSurvey runs testdata/*.txtar: a checkout, and under "want" its survey.
func TestSurvey(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive := testfile.ReadArchive(t, file)
			dir := t.TempDir()
			t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
			for _, f := range archive.Files {
				if f.Name != "want" {
					testfile.Write(t, filepath.Join(dir, filepath.FromSlash(f.Name)), string(f.Data))
				}
			}
			s, err := Read(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			testfile.Set(archive, "want", describe(s))
			golden.EqualFile(t, file, txtar.Format(archive))
		})
	}
}

// describe returns a survey as text.
func describe(s *Survey) string {
	var b strings.Builder
	for _, doubt := range s.Tree.Doubts {
		fmt.Fprintln(&b, "doubt:", doubt)
	}
	if license := s.Tree.License(); license != "" {
		fmt.Fprintln(&b, "license:", license)
	}
	if s.Tree.Ignores("dist") {
		fmt.Fprintln(&b, "git ignores dist")
	}
	links := s.Recipes.LinkVariables()
	for _, m := range s.Modules {
		fmt.Fprintf(&b, "module %s: %s\n", m.Dir, m.Path)
		for _, main := range m.Mains {
			fmt.Fprintf(&b, "  program %s: linux %v, windows %v\n", m.PackageOf(main.Dir), main.Linux, main.Windows)
			for _, v := range m.VersionVariables(main) {
				fmt.Fprintf(&b, "    version variable %s=%s\n", v.Path, v.Value)
			}
			for _, v := range links {
				fmt.Fprintf(&b, "    sets %s: %v\n", v.Path, m.CanSet(main, v.Path))
			}
		}
	}
	for _, v := range links {
		fmt.Fprintf(&b, "-X %s=%s", v.Path, v.Value)
		if v.Doubt != "" {
			fmt.Fprintf(&b, " (%s)", v.Doubt)
		}
		fmt.Fprintln(&b)
	}
	for _, g := range s.Recipes.GoBuilds() {
		fmt.Fprintf(&b, "go build at %s: %+v\n", g.File, g)
	}
	for _, i := range s.Recipes.ImageBuilds(s.Tree, s.Origin) {
		fmt.Fprintf(&b, "image build at %s: dockerfile %q target %q context %q platforms %q names %q push %v discarded %v\n",
			i.Where, i.Dockerfile, i.Target, i.Context, i.Platforms, i.Names, i.push, i.discarded)
		for _, name := range slices.Sorted(maps.Keys(i.Args)) {
			fmt.Fprintf(&b, "  %s=%s\n", name, i.Args[name])
		}
		for _, name := range slices.Sorted(maps.Keys(i.Doubtful)) {
			fmt.Fprintf(&b, "  %s is not known: %s\n", name, i.Doubtful[name])
		}
	}
	for _, file := range s.Tree.Files {
		if !IsDockerfile(filepath.Base(file)) {
			continue
		}
		d, err := ReadDockerfile(s.Tree, file)
		if err != nil {
			fmt.Fprintf(&b, "%s: %v\n", file, err)
			continue
		}
		fmt.Fprintf(&b, "%s: name %q windows %v starts a program %v args %+v\n", file, d.Name, d.Windows, d.Starts, d.Args)
		for _, stage := range d.Reached("") {
			fmt.Fprintf(&b, "  stage %+v\n", *stage)
		}
	}
	return b.String()
}

func TestOriginOf(t *testing.T) {
	dir := t.TempDir()
	repo := testfile.NewRepo(t, dir)
	testfile.Write(t, filepath.Join(dir, "file"), "1")
	repo.Commit("first", "2026-01-02T03:04:05Z")
	if got, want := readOrigin(t.Context(), dir), (Origin{Repository: true}); got != want {
		t.Errorf("without remotes and tags: got %+v, want %+v", got, want)
	}
	repo.Run("tag", "nightly")
	repo.Run("remote", "add", "fork", "git@github.com:someone/tool.git")
	repo.Run("remote", "add", "here", dir)
	if got, want := readOrigin(t.Context(), dir), (Origin{Repository: true, Host: "github.com", Owner: "someone", Name: "tool", OtherTag: "nightly"}); got != want {
		t.Errorf("with a fork: got %+v, want %+v", got, want)
	}
	repo.Run("tag", "v1.2.3")
	for url, want := range map[string][3]string{
		"https://github.com/acme/tool":               {"github.com", "acme", "tool"},
		"https://user:secret@github.com/acme/tool/":  {"github.com", "acme", "tool"},
		"ssh://git@gitlab.com:22/group/sub/tool.git": {"gitlab.com", "group/sub", "tool"},
		"git@example.org:acme/tool.git":              {"example.org", "acme", "tool"},
		"../tool":                                    {"github.com", "someone", "tool"}, // that of fork
	} {
		repo.Run("remote", "add", "origin", url)
		got := readOrigin(t.Context(), dir)
		if got.Host != want[0] || got.Owner != want[1] || got.Name != want[2] || got.Tag != "v1.2.3" || got.OtherTag != "" {
			t.Errorf("%s: got %+v, want %v and v1.2.3", url, got, want)
		}
		repo.Run("remote", "remove", "origin")
	}
}

func TestTreeEnds(t *testing.T) {
	dir := t.TempDir()
	for i := range 5 {
		testfile.Write(t, filepath.Join(dir, fmt.Sprint("folder", i), "file"), "")
	}
	testfile.Symlink(t, dir, filepath.Join(dir, "folder0", "loop"))
	testfile.Symlink(t, "nowhere", filepath.Join(dir, "folder0", "broken"))
	testfile.Symlink(t, "file", filepath.Join(dir, "folder0", "link"))
	tree, err := readTree(t.Context(), dir, 4)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"folder0/file", "folder0/link", "folder1/file", "folder2/file"}; !slices.Equal(tree.Files, want) {
		t.Errorf("got %q, want %q: symlinks to folders are not followed, and the tree ends", tree.Files, want)
	}
	if want := []string{"only the first 4 files were looked at"}; !slices.Equal(tree.Doubts, want) {
		t.Errorf("got %q, want %q", tree.Doubts, want)
	}
}

func TestTreeHas(t *testing.T) {
	dir := t.TempDir()
	testfile.Write(t, filepath.Join(dir, "a", "b", "c.go"), "")
	testfile.Write(t, filepath.Join(dir, "node_modules", "x"), "")
	testfile.Write(t, filepath.Join(filepath.Dir(dir), "outside"), "")
	defer os.Remove(filepath.Join(filepath.Dir(dir), "outside"))
	tree, err := readTree(t.Context(), dir, 100)
	if err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]bool{
		".": true, "a": true, "a/": true, "a/b/c.go": true, "a/*/c.go": true, "a/*": true, "*": true, "node_modules/x": true,
		"a/c.go": false, "a/*.go": false, "../outside": false, "a/[": false, "": true,
	} {
		if got := tree.Has(pattern); got != want {
			t.Errorf("Has(%q): got %v, want %v", pattern, got, want)
		}
	}
}

func TestTextIsBounded(t *testing.T) {
	dir := t.TempDir()
	testfile.Write(t, filepath.Join(dir, "lines"), "a\r\nb\n")
	testfile.Write(t, filepath.Join(dir, "large"), strings.Repeat("x", maxText+1))
	tree, err := readTree(t.Context(), dir, 100)
	if err != nil {
		t.Fatal(err)
	}
	if got := tree.Text("lines"); got != "a\nb\n" {
		t.Errorf("got %q, want LF", got)
	}
	if got := tree.Text("large"); got != "" {
		t.Errorf("got %d bytes of a file that is too large, want none", len(got))
	}
	if got := tree.Text("missing"); got != "" {
		t.Errorf("got %q of a missing file, want none", got)
	}
}

func TestLinkerFlags(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                      nil,
		"-s -w":                                 {"-s", "-w"},
		"-s -X main.v={{ .Version }} -w":        {"-s", "-X main.v={{ .Version }}", "-w"},
		`-X 'main.t=a b' -s`:                    {"-X main.t=a b", "-s"},
		`"-X main.v=1" "-X main.w=2" -w`:        {"-X main.v=1", "-X main.w=2", "-w"},
		`-X=main.v=1 -extldflags "-static -lm"`: {"-X main.v=1", `-extldflags "-static -lm"`},
	} {
		if got := LinkerFlags(text); !slices.Equal(got, want) {
			t.Errorf("LinkerFlags(%q): got %q, want %q", text, got, want)
		}
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// Each variable contains the next one ten times, so that the first would have ten to the power of twelve words.
func TestNestedVariablesAreBounded(t *testing.T) {
	var makefile strings.Builder
	for i := range 12 {
		fmt.Fprintf(&makefile, "V%d = %s\n", i, strings.Repeat(fmt.Sprintf("$(V%d) ", i+1), 10))
	}
	makefile.WriteString("V12 = x\nLOOP = $(LOOP2)\nLOOP2 = $(LOOP)\nbuild:\n\tgo build -tags \"$(V0)\" -ldflags \"-X main.a=$(LOOP)\" .\n")
	dir := t.TempDir()
	testfile.Write(t, filepath.Join(dir, "Makefile"), makefile.String())
	s, err := Read(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	builds, links := s.Recipes.GoBuilds(), s.Recipes.LinkVariables()
	if len(builds) != 1 || builds[0].TagsDoubt != "Makefile:17 has the build tags \"$(V0)\"" {
		t.Errorf("got %+v, want unknown tags", builds)
	}
	if len(links) != 1 || links[0].Value != "" {
		t.Errorf("got %+v, want an unknown value", links)
	}
}
