package why

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// An Answer explains one step.
type Answer struct {
	// Step is the kind of the step: binary, image, archive or bundle. Target is its name with its platform.
	Step   string `json:"step"`
	Target string `json:"target"`
	// Last is what the last run did: made, up-to-date, or unknown if no run is recorded.
	Last string `json:"last"`
	// Made are the changes for which the step was last made again.
	Made []Change `json:"made"`
	// First means that no run is recorded before the one that made it.
	First bool `json:"first,omitempty"`
	// Again is whether the next run would make it again, or make it if Last is unknown, and Changes are the reasons.
	Again   bool     `json:"again"`
	Changes []Change `json:"changes"`
}

// Values of Answer.Last.
const (
	LastMade     = "made"
	LastUpToDate = "up-to-date"
	LastUnknown  = "unknown"
)

// Explain returns the answer for a step with a record, or nil, and its present inputs and outputs.
func Explain(step, target string, record *Record, now Run) Answer {
	a := Answer{Step: step, Target: target, Last: LastUnknown, Made: []Change{}, Again: true, Changes: []Change{}}
	if record == nil {
		return a
	}
	a.Last = LastMade
	if record.UpToDate {
		a.Last = LastUpToDate
	}
	a.First, a.Made = record.Before == nil, record.Reasons()
	a.Changes = append(differences(record.Last.All(), now.All()), differences(record.Last.Outputs, now.Outputs)...)
	a.Again = len(a.Changes) > 0
	return a
}

// WriteText writes an answer for people.
func (a Answer) WriteText(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s\n", a.Step, a.Target)
	switch {
	case a.Last == LastUnknown:
		out.WriteString("  last run: none is recorded in the cache\n  next run: makes it\n")
		_, err := io.WriteString(w, out.String())
		return err
	case a.Last == LastUpToDate && len(a.Made) == 0:
		out.WriteString("  last run: found it up to date\n")
	case a.Last == LastUpToDate:
		out.WriteString("  last run: found it up to date; it was made before, because of\n")
	case a.First:
		out.WriteString("  last run: made it; none is recorded before\n")
	case len(a.Made) == 0:
		out.WriteString("  last run: made it again from the same inputs: its output was missing or had changed, or --no-cache was given\n")
	default:
		out.WriteString("  last run: made it again, because of\n")
	}
	WriteChanges(&out, a.Made, 4)
	if a.Again {
		out.WriteString("  next run: makes it again, because of\n")
		WriteChanges(&out, a.Changes, 4)
	} else {
		out.WriteString("  next run: finds it up to date\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// WriteChanges writes a line for each change, and below it those that are its reason.
func WriteChanges(out *strings.Builder, changes []Change, indent int) {
	for _, c := range changes {
		fmt.Fprintf(out, "%*s%s %s: %s -> %s\n", indent, "", c.Kind, c.Name, shown(c.Old), shown(c.New))
		WriteChanges(out, c.Because, indent+2)
	}
}

// shown returns a value for a line of text. Digests are shortened.
func shown(value string) string {
	switch {
	case value == "":
		return "none"
	case strings.ContainsAny(value, "\n\r\t"):
		return strconv.Quote(value)
	}
	if hex, ok := strings.CutPrefix(value, "sha256:"); ok && len(hex) == 64 {
		return "sha256:" + hex[:12]
	}
	return value
}
