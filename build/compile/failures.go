package compile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A failure is an error, with the targets that have it.
type failure struct {
	failureKey
	err  error // an error of this package; nil for go's
	jobs []*job
}

// together joins the errors in the order of the targets. Targets of one module often fail for the
// same reason, such as a package that they share or a module that cannot be fetched. Each such
// error is reported once, for all targets that have it.
func together(jobs []*job, errs []error) error {
	var (
		failures []*failure
		known    = map[failureKey]*failure{}
	)
	for _, j := range jobs {
		err := errs[j.index]
		for _, key := range failuresOf(err) {
			f := known[key]
			if f == nil {
				f = &failure{failureKey: key, err: err}
				known[key] = f
				failures = append(failures, f)
			}
			if !slices.Contains(f.jobs, j) {
				f.jobs = append(f.jobs, j)
			}
		}
	}
	var all []error
	for len(failures) > 0 {
		first := failures[0]
		alike := func(f *failure) bool { return f.dir == first.dir && f.dir != "" && slices.Equal(f.jobs, first.jobs) }
		texts := []string{first.text}
		for _, f := range failures[1:] {
			if alike(f) {
				texts = append(texts, f.text)
			}
		}
		all = append(all, tell(first, strings.Join(texts, "\n")))
		failures = slices.DeleteFunc(failures[1:], alike)
	}
	return errors.Join(all...)
}

// tell returns an error with text for the targets of f.
func tell(f *failure, text string) error {
	var names, advices []string
	for _, j := range f.jobs {
		names = append(names, j.String())
		if advice := j.advice(text); advice != "" && !slices.Contains(advices, advice) {
			advices = append(advices, advice)
		}
	}
	targets := strings.Join(names, ", ")
	if f.dir == "" {
		return fmt.Errorf("%s: %w", targets, f.err)
	}
	return fmt.Errorf("%s: %s", targets, strings.Join(append(advices, "go build in "+f.dir+":", indent(text)), "\n"))
}

// A failureKey identifies a failure.
type failureKey struct {
	// dir is the module for which go printed text. For an error of this package, dir is empty and
	// text is the complete text.
	dir, text string
}

// failuresOf splits go's output into parts, so that the parts that several targets share can be
// found. A package that does not compile is one part, from its "# path" to the next one. Every
// other line is a part with its continuation lines.
func failuresOf(err error) []failureKey {
	if err == nil {
		return nil
	}
	var failed *goError
	if !errors.As(err, &failed) {
		return []failureKey{{text: err.Error()}}
	}
	var (
		parts     []failureKey
		inPackage bool
	)
	for line := range strings.Lines(failed.output) {
		line = strings.TrimRight(line, "\n")
		begins := strings.HasPrefix(line, "# ")
		if inPackage = inPackage || begins; !begins && len(parts) > 0 && (inPackage || strings.HasPrefix(line, "\t")) {
			parts[len(parts)-1].text += "\n" + line
			continue
		}
		parts = append(parts, failureKey{failed.job.Target.Dir, line})
	}
	return parts
}
