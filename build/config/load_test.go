package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/tools/txtar"

	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/golden"
	"github.com/slipway-build/slipway/internal/testfile"
)

// TestLoad runs testdata/load/*.txtar: a slipway.yaml, files beside it, and, under "want", the
// resulting configuration or all its errors. The comment at the top describes the case, and may
// contain lines of
//
//	env NAME=VALUE
//	set NAME=VALUE
//	head COMMIT UNIXTIME [dirty] [TAG…]
//	history [NEAREST SINCE] [PREVIOUS] [shallow]
func TestLoad(t *testing.T) {
	files, err := filepath.Glob("testdata/load/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive := testfile.ReadArchive(t, file)
			scene := readScene(t, archive)
			got := scene.parse(t)
			testfile.Set(archive, "want", got)
			golden.EqualFile(t, file, txtar.Format(archive))
			// As editors on Windows write it.
			scene.yaml = append([]byte("\ufeff"), bytes.ReplaceAll(scene.yaml, []byte("\n"), []byte("\r\n"))...)
			if diff := cmp.Diff(got, scene.parse(t)); diff != "" {
				t.Errorf("with CRLF and a byte order mark (-want +got):\n%s", diff)
			}
		})
	}
}

// A scene is the environment of a Load.
type scene struct {
	dir  string
	yaml []byte
	head version.Head
	// described is git's description of the history.
	described version.Description
	env       map[string]string
	set       []string
}

// parse returns the configuration, or all its errors, as text.
func (s scene) parse(t *testing.T) string {
	t.Helper()
	config, err := parse(s.yaml, FileName, s.dir, s.head, s.describe, s.lookup, s.set...)
	if err != nil {
		return err.Error() + "\n"
	}
	expandAll(t, reflect.ValueOf(config).Elem(), "")
	return "ok\n" + dump("", reflect.ValueOf(config))
}

func (s scene) describe(string, *regexp.Regexp) (version.Description, error) { return s.described, nil }

func (s scene) lookup(name string) (string, bool) { v, ok := s.env[name]; return v, ok }

func readScene(t *testing.T, archive *txtar.Archive) scene {
	t.Helper()
	s := scene{dir: t.TempDir(), env: map[string]string{}}
	for line := range strings.Lines(string(archive.Comment)) {
		switch words := strings.Fields(line); {
		case len(words) == 2 && words[0] == "env":
			name, value, _ := strings.Cut(words[1], "=")
			s.env[name] = value
		case len(words) == 2 && words[0] == "set":
			s.set = append(s.set, words[1])
		case len(words) > 1 && words[0] == "history":
			d := &s.described
			words = words[1:]
			if words[len(words)-1] == "shallow" {
				d.Shallow, words = true, words[:len(words)-1]
			}
			if len(words) > 1 {
				d.Nearest, words = words[0], words[1:]
				if _, err := fmt.Sscan(words[0], &d.Since); err != nil {
					t.Fatal(err)
				}
				words = words[1:]
			}
			if len(words) > 0 {
				d.Previous = words[0]
			}
		case len(words) > 2 && words[0] == "head":
			var unix int64
			if _, err := fmt.Sscan(words[2], &unix); err != nil {
				t.Fatal(err)
			}
			s.head = version.Head{Commit: words[1], Time: time.Unix(unix, 0).UTC()}
			for _, w := range words[3:] {
				if w == "dirty" {
					s.head.Dirty = true
				} else {
					s.head.Tags = append(s.head.Tags, w)
				}
			}
		}
	}
	for _, f := range archive.Files {
		switch f.Name {
		case "want":
		case FileName:
			s.yaml = f.Data
		default:
			testfile.Write(t, filepath.Join(s.dir, filepath.FromSlash(f.Name)), string(f.Data))
		}
	}
	return s
}

// dump formats a value as lines of path: value, without empty values, the folder and positions.
func dump(path string, v reflect.Value) string {
	switch x := v.Interface().(type) {
	case v1.Platform:
		return path + ": " + images.FormatPlatform(x) + "\n"
	case time.Time:
		return path + ": " + x.Format(time.RFC3339) + "\n"
	case Position:
		return ""
	case expression.Condition:
		return path + ": " + x.String() + "\n"
	}
	var b strings.Builder
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && v.Type().Elem().Kind() == reflect.Bool {
			return fmt.Sprintf("%s: %v\n", path, v.Elem())
		}
		return dump(path, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name := strings.TrimPrefix(path+"."+f.Name, ".")
			if f.Anonymous {
				name = path
			}
			if name != "Dir" && !v.Field(i).IsZero() {
				b.WriteString(dump(name, v.Field(i)))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			b.WriteString(dump(fmt.Sprintf("%s[%d]", path, i), v.Index(i)))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			b.WriteString(dump(path+"."+k.String(), v.MapIndex(k)))
		}
	default:
		fmt.Fprintf(&b, "%s: %v\n", path, v)
	}
	return b.String()
}

// expandAll calls Expand for every field with the tag expand, with the variables in the tag. It
// must not panic.
func expandAll(t *testing.T, v reflect.Value, tag string) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		if tag != "" {
			vars := map[string]string{}
			for _, name := range inScope(tag) {
				vars[name] = ""
			}
			expression.Expand(v.String(), vars)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Type.Kind() != reflect.Pointer && f.IsExported() {
				of := f.Tag.Get("expand")
				if f.Tag.Get("inherit") == "expand" {
					of = tag
				}
				expandAll(t, v.Field(i), of)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			expandAll(t, v.Index(i), tag)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			expandAll(t, v.MapIndex(k), tag)
		}
	}
}

// FuzzLoad checks that no file makes Load panic, that all errors have a position, that accepted
// files can be expanded, and that a second Load has the same result.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/load/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range archive.Files {
			if part.Name == FileName && len(part.Data) < 10_000 {
				f.Add(part.Data)
			}
		}
	}
	positioned := regexp.MustCompile(`^slipway\.yaml(:\d+:\d+)?: `)
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		load := func() string {
			config, err := parse(data, FileName, dir, version.Head{}, scene{}.describe, noEnvironment)
			if err == nil {
				expandAll(t, reflect.ValueOf(config).Elem(), "")
				return dump("", reflect.ValueOf(config))
			}
			if joined, ok := err.(interface{ Unwrap() []error }); ok {
				for _, e := range joined.Unwrap() {
					if !positioned.MatchString(e.Error()) {
						t.Errorf("no position: %v", e)
					}
				}
			} else if !positioned.MatchString(err.Error()) {
				t.Errorf("no position: %v", err)
			}
			return err.Error()
		}
		first := load()
		if second := load(); first != second {
			t.Errorf("first\n%s\nthen\n%s", first, second)
		}
	})
}

func TestLoadReadsTheFileAndTheCheckout(t *testing.T) {
	dir := t.TempDir()
	repo := testfile.NewRepo(t, dir)
	testfile.Write(t, filepath.Join(dir, FileName), "project: p\nplatforms: [linux/amd64]\nvars: {WHO: file}\nrepository: ${WHO}\n")
	repo.Commit("first", "2026-02-03T04:05:06Z")
	repo.Run("tag", "v1.2.3")

	env := map[string]string{"WHO": "environment"}
	config, err := Load(t.Context(), filepath.Join(dir, FileName), func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{
		"version": config.Release.Version, "epoch": config.Release.Epoch.Format(time.RFC3339),
		"repository": config.Repository, "dir": config.Dir, "file": config.File,
	}
	want := map[string]string{
		"version": "v1.2.3", "epoch": "2026-02-03T04:05:06Z",
		"repository": "environment", "dir": dir, "file": filepath.Join(dir, FileName),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLoadWithoutAFile(t *testing.T) {
	_, err := Load(t.Context(), filepath.Join(t.TempDir(), "none.yaml"), noEnvironment)
	if err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

func noEnvironment(string) (string, bool) { return "", false }

func TestFindConfig(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b")
	testfile.Write(t, filepath.Join(deep, "x"), "")

	t.Run("none anywhere says where it looked", func(t *testing.T) {
		_, err := Find(deep)
		if err == nil {
			t.Skip("a folder above the temporary one has a slipway.yaml")
		}
		for _, want := range []string{deep + ", ", dir + ", ", "slipway init"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("missing in %q: %q", err, want)
			}
		}
	})
	t.Run("one that may be meant", func(t *testing.T) {
		alone := t.TempDir()
		testfile.Write(t, filepath.Join(alone, "sub", FileName), "")
		if _, err := Find(alone); err == nil || !strings.Contains(err.Error(), filepath.Join(alone, "sub", FileName)+" exists") {
			t.Errorf("got %v", err)
		}
		testfile.Write(t, filepath.Join(alone, "slipway.yml"), "")
		if _, err := Find(alone); err == nil || !strings.Contains(err.Error(), filepath.Join(alone, "slipway.yml")+" exists") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a folder of that name is none", func(t *testing.T) {
		if err := os.Mkdir(filepath.Join(deep, FileName), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := Find(deep); err == nil || !strings.Contains(err.Error(), "not a file") {
			t.Errorf("got %v", err)
		}
		if err := os.Remove(filepath.Join(deep, FileName)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("the nearest upwards", func(t *testing.T) {
		testfile.Write(t, filepath.Join(dir, FileName), "")
		testfile.Write(t, filepath.Join(dir, "a", FileName), "")
		got, err := Find(deep)
		if want := filepath.Join(dir, "a", FileName); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	})
	t.Run("relative stays relative, for short messages", func(t *testing.T) {
		t.Chdir(deep)
		got, err := Find(".")
		if want := filepath.Join("..", FileName); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	})
}
