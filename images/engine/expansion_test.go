package engine

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/buildfile"
)

func TestExpansionIsCheckedBeforeAnEngineIsAsked(t *testing.T) {
	tenfold := func(first, instruction string) string {
		lines := []string{first}
		for i := range 9 {
			lines = append(lines, fmt.Sprintf("%s V%d=%s", instruction, i+1, strings.Repeat(fmt.Sprintf("$V%d", i), 10)))
		}
		return strings.Join(lines, "\n") + "\n"
	}
	for name, c := range map[string]struct {
		dockerfile string
		line       int
	}{
		"ENV":                       {"FROM scratch\n" + tenfold("ENV V0=0123456789", "ENV"), 8},
		"ARG before FROM":           {tenfold("ARG V0=0123456789", "ARG") + "FROM scratch\n", 7},
		"a given argument":          {"FROM scratch\n" + tenfold("ARG GIVEN", "ENV"), 8},
		"the value of a base":       {"FROM base\n" + tenfold("ENV V0=$PATH", "ENV"), 7},
		"a stage":                   {"FROM base AS A\nENV B=" + strings.Repeat("x", 60000) + "\nFROM a\nLABEL x=" + strings.Repeat("$B", 200) + "\n", 4},
		"EXPOSE":                    {"FROM base\nENV B=" + strings.Repeat("1", 60000) + "\nEXPOSE " + strings.Repeat("$B", 200) + "\n", 3},
		"FROM":                      {"ARG B=" + strings.Repeat("x", 60000) + "\nFROM " + strings.Repeat("$B", 200) + "\n", 2},
		"nothing unusual":           {"ARG V=1\n# check=skip=all\n# about the base\nFROM base:$V AS b\nARG V\nENV PATH=/x:$PATH W=${V:-2}\nLABEL l=$W\nRUN echo $V\n", 0},
		"what BuildKit will refuse": {"FROM base\nENV A=${\nNOPE\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			j := &job{
				build: images.BuildContext{Args: map[string]string{"GIVEN": strings.Repeat("y", 100)}},
				file:  &buildfile.Dockerfile{Path: filepath.Join("a", "Dockerfile"), Data: []byte(strings.ReplaceAll(c.dockerfile, "ARG GIVEN", "ARG GIVEN\nENV V0=$GIVEN"))},
			}
			err := j.checkVariables(false)
			if c.line == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			want := fmt.Sprintf("%s:%d: its variables expand to more than 8 MiB", j.file.Path, c.line)
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("the error is %v, want %q", err, want)
			}
		})
	}
}

func TestNamesDifferingOnlyInCase(t *testing.T) {
	for name, c := range map[string]struct {
		dockerfile string
		line       int
	}{
		"ENV":             {"FROM scratch\nENV abc=1\nENV ABC=2\n", 3},
		"ENV and ARG":     {"FROM scratch\nARG Version\nENV VERSION=$Version\n", 3},
		"before FROM":     {"ARG v=1\nARG V=2\nFROM base:$v\n", 2},
		"PATH":            {"FROM base\nENV Path=/bin\n", 2},
		"the same name":   {"ARG V=1\nFROM base\nARG V\nENV V=$V PATH=/bin\nENV V=3\n", 0},
		"no other of its": {"FROM base\nENV lower=1 UPPER=2\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			j := &job{file: &buildfile.Dockerfile{Path: filepath.Join("a", "Dockerfile"), Data: []byte(c.dockerfile)}}
			if err := j.checkVariables(false); err != nil {
				t.Errorf("where case matters: %v", err)
			}
			err := j.checkVariables(true)
			if c.line == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if want := fmt.Sprintf("%s:%d: the variables ", j.file.Path, c.line); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("the error is %v, want %q", err, want)
			}
		})
	}
}
