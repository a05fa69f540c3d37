package assemble_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/assemble"
)

// Variables that contain one another many times are an error with a line, long before memory is
// exhausted.
func TestExpansionIsBounded(t *testing.T) {
	// tenfold sets V1 to V9, each ten times as long as the previous one.
	tenfold := func(instruction string) string {
		lines := []string{instruction + " V0=0123456789"}
		for i := range 9 {
			lines = append(lines, fmt.Sprintf("%s V%d=%s", instruction, i+1, strings.Repeat(fmt.Sprintf("$V%d", i), 10)))
		}
		return strings.Join(lines, "\n") + "\n"
	}
	grown := "ENV V0=aaaaaaaaaa\nENV V1=${V0}${V0}${V0}${V0}${V0}\nENV V2=${V1//a/$V1}\nENV V3=${V2//a/$V2}\nENV V4=${V3//a/$V3}\n"
	for name, c := range map[string]struct{ dockerfile, want string }{
		"ENV":                 {"FROM scratch\n" + tenfold("ENV"), "Dockerfile:8:"},
		"ARG":                 {"FROM scratch\n" + tenfold("ARG"), "Dockerfile:8:"},
		"ARG before FROM":     {tenfold("ARG") + "FROM scratch\n", "Dockerfile:7:"},
		"LABEL":               {"FROM scratch\n" + strings.Replace(tenfold("ENV"), "ENV V6=", "LABEL V6=", 1), "Dockerfile:8:"},
		"through another":     {"FROM scratch AS a\n" + strings.Join(strings.SplitAfter(tenfold("ENV"), "\n")[:6], "") + "FROM a\nLABEL l=" + strings.Repeat("$V5", 40) + "\n", "Dockerfile:9:"},
		"replacements":        {"FROM scratch\n" + grown, "Dockerfile:5:"},
		"a destination":       {"FROM scratch\nENV V=" + strings.Repeat("x", 60000) + "\nCOPY a " + strings.Repeat("$V", 200) + "\n", "Dockerfile:3:"},
		"a file in it":        {"FROM scratch\nENV V=" + strings.Repeat("x", 60000) + "\nCOPY <<EOF /a\n" + strings.Repeat("$V", 200) + "\nEOF\n", "Dockerfile:3:"},
		"EXPOSE":              {"FROM scratch\nENV V=" + strings.Repeat("1", 60000) + "\nEXPOSE " + strings.Repeat("$V", 200) + "\n", "Dockerfile:3:"},
		"the name of a base":  {"ARG V=" + strings.Repeat("x", 60000) + "\nFROM " + strings.Repeat("$V", 200) + "\n", "Dockerfile:2:"},
		"the platform of one": {"ARG V=" + strings.Repeat("x", 60000) + "\nFROM --platform=" + strings.Repeat("$V", 200) + " scratch\n", "Dockerfile:2:"},
	} {
		t.Run(name, func(t *testing.T) {
			b := project(t, map[string]string{"Dockerfile": c.dockerfile, "context/a": "a"})
			_, err := assemble.New(assemble.Options{Layers: openStore(t)}).Assemble(t.Context(), b)
			compareError(t, err, []string{c.want, "its variables expand to more than 8 MiB"})
			if len(err.Error()) > 70000 {
				t.Errorf("the message has %d bytes", len(err.Error()))
			}
		})
	}
}
