package buildfile

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestReadDockerfile(t *testing.T) {
	for _, c := range []struct {
		name, ask, want, fails string
		files                  map[string]string
	}{
		{"as asked", "Dockerfile", "Dockerfile", "", map[string]string{"Dockerfile": "x"}},
		{"lower case", "Dockerfile", "dockerfile", "", map[string]string{"dockerfile": "x"}},
		{"lower case of another name", "Containerfile", "", "Containerfile", map[string]string{"containerfile": "x"}},
		{"none", "Dockerfile", "", "Dockerfile", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.HasPrefix(c.name, "lower case") {
				t.Skip("names are the same in every case")
			}
			dir := write(t, c.files)
			got, err := ReadDockerfile(filepath.Join(dir, c.ask))
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, c.fails)) {
					t.Fatalf("got %v, want an error that names %s", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := filepath.Join(dir, c.want); got.Path != want || string(got.Data) != "x" {
				t.Errorf("read %s with %q, want %s", got.Path, got.Data, want)
			}
		})
	}
}

// A directory in place of a file is an error, not an empty file.
func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"Dockerfile", ".dockerignore"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_, err := ReadDockerfile(filepath.Join(dir, "Dockerfile"))
	_, ignoredErr := ReadIgnored(dir, "", func(string) {})
	for _, err := range []error{err, ignoredErr} {
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("got %v", err)
		}
	}
}

func TestReadIgnored(t *testing.T) {
	for _, c := range []struct {
		name, dockerfile string
		files            map[string]string
		file             string
		patterns         []string
	}{
		{"none", "Dockerfile", nil, "", nil},
		{"of the context", "Dockerfile", map[string]string{".dockerignore": "/a\n#b\n"}, ".dockerignore", []string{"a"}},
		{"of the Dockerfile", "Dockerfile", map[string]string{".dockerignore": "a", "Dockerfile.dockerignore": "!b"},
			"Dockerfile.dockerignore", []string{"!b"}},
		{"of the Dockerfile, empty", "Dockerfile", map[string]string{".dockerignore": "a", "Dockerfile.dockerignore": ""},
			"Dockerfile.dockerignore", nil},
		{"named context", "", map[string]string{".dockerignore": "a", "Dockerfile.dockerignore": "b"}, ".dockerignore", []string{"a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, dockerfile := write(t, c.files), ""
			if c.dockerfile != "" {
				dockerfile = filepath.Join(dir, c.dockerfile)
			}
			got, err := ReadIgnored(dir, dockerfile, func(w string) { t.Errorf("warning: %s", w) })
			if err != nil {
				t.Fatal(err)
			}
			if c.file == "" {
				if got != nil {
					t.Fatalf("read %s", got.File)
				}
				return
			}
			if diff := cmp.Diff(filepath.Join(dir, c.file), got.File); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.patterns, got.Patterns); diff != "" {
				t.Error(diff)
			}
		})
	}
	dir := write(t, map[string]string{".dockerignore": "a["})
	if _, err := ReadIgnored(dir, "", nil); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, ".dockerignore")) {
		t.Errorf("a bad pattern: %v", err)
	}
}

// The documentation lists all build arguments, with their effect on builders.
func TestSteeringArgsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/dockerfile-support.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steeringArgs {
		if !strings.Contains(string(text), "`"+s.Name+"`") {
			t.Errorf("docs/dockerfile-support.md does not name %s", s.Name)
		}
		if (s.Embedded == Unheeded || s.Engines == Unheeded) != (s.Instead != "") {
			t.Errorf("%s: want advice if, and only if, it is not heeded", s.Name)
		}
	}
}

func TestWarnOfArgs(t *testing.T) {
	var got []string
	WarnOfArgs(map[string]string{"BUILDKIT_INLINE_CACHE": "0", "BUILDKIT_ATTEST_SBOM": "1", "BUILDKIT_SYNTAX": "x", "A": "b"},
		func(s Steering) Effect { return s.Embedded }, func(w string) { got = append(got, w) })
	if len(got) != 1 || !strings.Contains(got[0], "BUILDKIT_ATTEST_SBOM") {
		t.Errorf("warnings: %q", got)
	}
}

// PowerShell writes UTF-16, which BuildKit misreads, so that an ignore file would exclude nothing.
func TestUTF16IsRefused(t *testing.T) {
	const text = "\xff\xfes\x00e\x00c\x00r\x00e\x00t\x00"
	dir := write(t, map[string]string{"Dockerfile": text, ".dockerignore": text})
	_, err := ReadDockerfile(filepath.Join(dir, "Dockerfile"))
	_, ignoredErr := ReadIgnored(dir, "", func(string) {})
	for file, err := range map[string]error{"Dockerfile": err, ".dockerignore": ignoredErr} {
		if err == nil || !strings.Contains(err.Error(), "UTF-16: save it as UTF-8") || !strings.Contains(err.Error(), filepath.Join(dir, file)) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
