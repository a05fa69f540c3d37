package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// events returns the events of package m/a with tests that passed or failed.
func events(results ...string) string {
	var s strings.Builder
	status := "pass"
	for _, result := range results {
		action, test, _ := strings.Cut(result, " ")
		if action == "fail" {
			status = action
			s.WriteString(`{"Action":"output","Package":"m/a","Test":"` + test + `","Output":"` + test + ` says why\n"}` + "\n")
		}
		s.WriteString(`{"Action":"` + action + `","Package":"m/a","Test":"` + test + `"}` + "\n")
	}
	if status == "fail" {
		s.WriteString(`{"Action":"output","Package":"m/a","Output":"FAIL\n"}` + "\n")
		s.WriteString(`{"Action":"output","Package":"m/a","Output":"FAIL\tm/a\t1s\n"}` + "\n")
	} else {
		s.WriteString(`{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t1s\n"}` + "\n")
	}
	return s.String() + `{"Action":"` + status + `","Package":"m/a"}` + "\n"
}

func TestLimits(t *testing.T) {
	const list = "# comment\n\na TestX/one no links\na TestY no clock\nb TestZ other package\n"
	for _, c := range []struct {
		name, in, want string
		passed         bool
	}{
		{"all listed fail", events("fail TestX/one", "pass TestX/two", "fail TestX", "fail TestY"), "ok  \tm/a\t1s\t(2 as listed)\n", true},
		{"one more fails", events("fail TestX/one", "fail TestX", "fail TestY", "fail TestB"), "TestB says why\nFAIL\nFAIL\tm/a\t1s\n", false},
		{"a sibling fails", events("fail TestX/one", "fail TestX/two", "fail TestX", "fail TestY"), "TestX/two says why\nFAIL\nFAIL\tm/a\t1s\n", false},
		{"one passes", events("pass TestX/one", "pass TestX", "fail TestY"), "ok  \tm/a\t1s\t(1 as listed)\nLIST:3: TestX/one does not fail, but is listed\n", false},
		{"one is skipped", events("skip TestX/one", "pass TestX", "fail TestY"), "ok  \tm/a\t1s\t(1 as listed)\nLIST:3: TestX/one does not fail, but is listed\n", false},
		{"one does not run", events("fail TestY"), "ok  \tm/a\t1s\t(1 as listed)\n", true},
		{"the package ended early", `{"Action":"output","Package":"m/a","Test":"TestB","Output":"panic: oh\n"}` + "\n" + events("fail TestX/one", "fail TestX", "fail TestY"),
			"ok  \tm/a\t1s\t(2 as listed)\npanic: oh\n--- NOT ENDED: TestB\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "list")
			if err := os.WriteFile(file, []byte(list), 0o600); err != nil {
				t.Fatal(err)
			}
			excused, err := readLimits(file)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			passed, err := run(strings.NewReader(c.in), &out, excused)
			if got := strings.ReplaceAll(out.String(), file, "LIST"); err != nil || passed != c.passed || got != c.want {
				t.Errorf("got %v, %v and %q; want %v and %q", passed, err, got, c.passed, c.want)
			}
		})
	}
}

func TestALineOfTheListWithoutAReason(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(file, []byte("# x\na TestX\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readLimits(file); err == nil || err.Error() != file+`:2: want "package test reason", got "a TestX"` {
		t.Error(err)
	}
}
