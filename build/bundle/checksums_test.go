package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestChecksums(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for _, name := range []string{"b.txt", "a b.zip", "C.tar.gz", "empty"} {
		file := filepath.Join(dir, name)
		must(t, os.WriteFile(file, []byte(strings.TrimPrefix(name, "empty")), 0o644))
		files = append(files, file)
	}
	output := filepath.Join(dir, "sha256sum-amd64.txt")
	must(t, Checksums(t.Context(), output, files))
	got, err := os.ReadFile(output)
	must(t, err)
	var names []string
	for line := range strings.Lines(string(got)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || len(sum) != 64 {
			t.Errorf("line %q", line)
		}
		names = append(names, name)
	}
	if fmt.Sprint(names) != "[C.tar.gz a b.zip b.txt empty]" {
		t.Errorf("names are %q", names)
	}
	run(t, dir, "sha256sum", "--strict", "-c", filepath.Base(output))
}

func TestChecksumsNamesAllThatIsWrong(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	for _, name := range []string{"a", "sub/a"} {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	output := filepath.Join(dir, "sums.txt")
	in := func(name string) string { return filepath.Join(dir, name) }
	err := Checksums(t.Context(), output, []string{in("sub/a"), in("x"), in("sub"), in("a"), in("y"), output})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"missing: " + in("x") + ", " + in("y"), "have the same name", in("sub") + ": want a file", "its own sum"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v\nwant %q", err, want)
		}
	}
	if err := Checksums(t.Context(), output, nil); err == nil || !strings.Contains(err.Error(), "no file to sum") {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Stat(output); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the list is there: %v", err)
	}
}
