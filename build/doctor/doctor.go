package doctor

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/workbench/disks"
	"github.com/slipway-build/slipway/progress"
)

// Options specify an examination.
type Options struct {
	// Options are those of the release.
	release.Options
	// Previous is the report of the previous release, from which sizes are estimated. It may be nil.
	Previous *release.Report
	// Memory is what Slipway itself needs to write archives, in bytes.
	Memory int64
}

// A Severity describes how much a finding matters.
type Severity string

// The severities, the worst first.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

var severities = []Severity{Error, Warning, Note}

// A Diagnosis is one finding of a check.
type Diagnosis struct {
	// Severity is error, warning or note.
	Severity Severity `json:"severity"`
	// Check is the name of the check.
	Check string `json:"check"`
	// At is the position of the cause, as file:line or file:line:column. It is empty if no file is the cause.
	At string `json:"at,omitempty"`
	// Message says what was wanted, and what was found.
	Message string `json:"message"`
	// Remedy says what to do. It is empty if the message says it.
	Remedy string `json:"remedy,omitempty"`
}

// String formats a finding in one line, with its position first.
func (f Diagnosis) String() string {
	text := f.Message
	if f.At != "" {
		text = f.At + ": " + text
	}
	if f.Remedy != "" {
		text += ": " + f.Remedy
	}
	return strings.ReplaceAll(text, "\n", "; ")
}

// A Result is the result of an examination.
type Result struct {
	Project string `json:"project"`
	Version string `json:"version"`
	// Checks are the names of the checks that were made, and Skipped those that were not.
	Checks  []string  `json:"checks"`
	Skipped []Skipped `json:"skipped,omitempty"`
	// Disks are the file systems to which the release writes.
	Disks disks.Needs `json:"disks"`
	// Findings are in the order of the checks, the worst of each first.
	Findings []Diagnosis `json:"findings"`
}

// A Skipped is a check that was not made, and why.
type Skipped struct {
	Check  string `json:"check"`
	Reason string `json:"reason"`
}

// A check adds its findings to an examination.
type check struct {
	name   string
	online bool // needs the network
	run    func(*examination, context.Context) error
}

// checks are all checks, in the order of their results.
var checks = []check{
	{"tools", false, (*examination).tools},
	{"secrets", false, (*examination).secrets},
	{"fetches", false, (*examination).fetches},
	{"images", true, (*examination).images},
	{"registries", true, (*examination).registries},
	{"rate", true, (*examination).rate},
	{"destinations", true, (*examination).destinations},
	{"engines", true, (*examination).engines},
	{"caches", true, (*examination).caches},
	{"clock", true, (*examination).clock},
	{"disk", false, (*examination).disk},
	{"memory", false, (*examination).memory},
}

// An examination is one run.
type examination struct {
	*release.Release
	options  Options
	earlier  sizes
	isMade   func(path string) bool // see madeBy
	check    string                 // the name of the current check
	result   Result
	download int64 // size of the files that will be fetched, in bytes
	pulls    map[name.Registry]int
	clocks   clocks
	missing  bool // an image of another project was not found
}

// Examine makes all checks for the plan of r. An error means that a check could not be made.
func Examine(ctx context.Context, r *release.Release, o Options) (*Result, error) {
	x := &examination{Release: r, options: o, earlier: sizesOf(o.Previous), isMade: madeBy(r.Plan), pulls: map[name.Registry]int{},
		result: Result{Project: r.Plan.Project, Version: r.Plan.Release.Version, Checks: []string{}, Findings: []Diagnosis{}}}
	for _, warning := range r.Config.Warnings {
		x.check = "slipway.yaml"
		x.fromText(Warning, warning)
	}
	for _, c := range checks {
		if c.online && o.Offline {
			x.result.Skipped = append(x.result.Skipped, Skipped{c.name, "offline"})
			continue
		}
		x.check = c.name
		x.result.Checks = append(x.result.Checks, c.name)
		task := progress.Start(ctx, "check "+c.name)
		err := c.run(x, ctx)
		task.Done(err)
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if err != nil {
			return nil, err
		}
	}
	x.result.sort()
	return &x.result, nil
}

// sort removes duplicates, and puts the findings in order.
func (r *Result) sort() {
	order := func(f Diagnosis) int { return slices.Index(r.Checks, f.Check) }
	slices.SortStableFunc(r.Findings, func(a, b Diagnosis) int {
		return cmp.Or(order(a)-order(b), slices.Index(severities, a.Severity)-slices.Index(severities, b.Severity))
	})
	seen := map[Diagnosis]bool{}
	r.Findings = slices.DeleteFunc(r.Findings, func(f Diagnosis) bool {
		was := seen[f]
		seen[f] = true
		return was
	})
}

// Of returns the findings of a severity.
func (r *Result) Of(s Severity) []Diagnosis {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Diagnosis) bool { return f.Severity != s })
}

// find adds a finding of the current check. at may be empty.
func (x *examination) find(s Severity, at, message, remedy string) {
	x.result.Findings = append(x.result.Findings, Diagnosis{s, x.check, at, message, remedy})
}

// fromError adds a finding for each error that err joins. Their texts say what to do.
func (x *examination) fromError(s Severity, err error) {
	var joined interface{ Unwrap() []error }
	switch {
	case err == nil:
	case errors.As(err, &joined) && joinedText(joined.Unwrap()) == err.Error():
		for _, e := range joined.Unwrap() {
			x.fromError(s, e)
		}
	default:
		x.fromText(s, err.Error())
	}
}

// joinedText returns the text of errors.Join.
func joinedText(errs []error) string { return errors.Join(errs...).Error() }

// fromText adds a finding for a message that may begin with a position.
func (x *examination) fromText(s Severity, text string) {
	if p, ok := progress.PlaceOf(text); ok {
		if rest, found := strings.CutPrefix(text, p.File+":"); found {
			at, message, _ := strings.Cut(rest, ": ")
			x.find(s, p.File+":"+at, message, "")
			return
		}
	}
	x.find(s, "", text, "")
}
