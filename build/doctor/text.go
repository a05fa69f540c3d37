package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/slipway-build/slipway/progress"
)

// WriteText prints the notes, and a table with the result of each check. A command reports errors and warnings as such.
func (r *Result) WriteText(w io.Writer) error {
	for _, f := range r.Of(Note) {
		if _, err := fmt.Fprintf(w, "note: %s\n", f); err != nil {
			return err
		}
	}
	t := progress.NewTable("CHECK", "RESULT")
	for _, name := range r.Checks {
		t.Add(name, r.of(name))
	}
	for _, s := range r.Skipped {
		t.Add(s.Check, "skipped: "+s.Reason)
	}
	return t.Write(w)
}

// of returns the numbers of the findings of a check by severity, or "ok".
func (r *Result) of(check string) string {
	var found []string
	for _, s := range severities {
		n := 0
		for _, f := range r.Findings {
			if f.Check == check && f.Severity == s {
				n++
			}
		}
		if n == 1 {
			found = append(found, fmt.Sprintf("1 %s", s))
		} else if n > 1 {
			found = append(found, fmt.Sprintf("%d %ss", n, s))
		}
	}
	if len(found) == 0 {
		return "ok"
	}
	return strings.Join(found, ", ")
}
