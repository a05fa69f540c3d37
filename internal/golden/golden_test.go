package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A recorder is a testing.TB that records the messages of Errorf and Fatalf.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Errorf(format string, args ...any) { r.said += fmt.Sprintf(format, args...) }
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}

func TestEqualFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.golden")
	if err := os.WriteFile(file, []byte("one\ntwo\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file, got string
		want      []string
	}{
		"equal":                {file, "one\ntwo\n", nil},
		"a line differs":       {file, "one\n2\n", []string{file, `"two"`, `"2"`, "-update"}},
		"a newline is lacking": {file, "one\ntwo", []string{file}},
		"missing file":         {file + ".none", "one", []string{file + ".none", "-update", "one"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			func() {
				defer func() {
					if x := recover(); x != nil && x != any(r) {
						panic(x)
					}
				}()
				EqualFile(r, c.file, []byte(c.got))
			}()
			if (r.said == "") != (c.want == nil) {
				t.Errorf("said %q", r.said)
			}
			for _, want := range c.want {
				if !strings.Contains(r.said, want) {
					t.Errorf("said %q, which lacks %q", r.said, want)
				}
			}
		})
	}
}

func TestFileIsAPathOnEveryHost(t *testing.T) {
	t.Run(`windows/amd64:10.0 "x"`, func(t *testing.T) {
		want := filepath.Join("testdata", "TestFileIsAPathOnEveryHost", "windows", "amd64_10.0__x_.golden")
		if got := File(t); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
