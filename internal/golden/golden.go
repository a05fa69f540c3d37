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

// Equal fails the test unless got is what testdata/<name of t>.golden holds.
// Subtests lie in a folder named for their test.
func Equal(t testing.TB, got []byte) {
	t.Helper()
	EqualFile(t, File(t), got)
}

// File is the golden file of t, for messages and for tests that have several.
func File(t testing.TB) string {
	// t.Name has no space or slash of the case's own: testing escapes them.
	return filepath.Join("testdata", filepath.FromSlash(clean.Replace(t.Name()))+".golden")
}

// clean takes out what Windows cannot have in a file name.
var clean = strings.NewReplacer(":", "_", "*", "_", "?", "_", `"`, "_", "<", "_", ">", "_", "|", "_", `\`, "_")

// EqualFile fails the test unless got is what file holds.
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
		t.Errorf("not as in %s (-want +got; -update takes what it got):\n%s", file, diff)
	}
}
