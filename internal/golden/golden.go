package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files anew from what the tests got")

// Equal fails the test unless got equals testdata/<name of t>.golden. Files of subtests are in a
// folder with the name of their test.
func Equal(t testing.TB, got []byte) {
	t.Helper()
	EqualFile(t, File(t), got)
}

// File returns the path of the golden file of t, for messages and for tests with several golden
// files.
func File(t testing.TB) string {
	// testing escapes spaces and slashes in names of subtests.
	return filepath.Join("testdata", filepath.FromSlash(clean.Replace(t.Name()))+".golden")
}

// clean replaces characters that Windows does not allow in a file name.
var clean = strings.NewReplacer(":", "_", "*", "_", "?", "_", `"`, "_", "<", "_", ">", "_", "|", "_", `\`, "_")

// EqualFile fails the test unless got equals the content of file.
func EqualFile(t testing.TB, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v\nrun the test with -update to write it; got:\n%s", err, got)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("output differs from %s (-want +got; -update accepts it):\n%s", file, diff)
	}
}
