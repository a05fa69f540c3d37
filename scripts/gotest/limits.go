package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// limits are tests that fail because of limitations of the system on which they run. A listed test
// that runs must fail, so that the list stays correct. Tests above a listed one fail with it.
type limits struct {
	file    string
	lines   []*limit
	strange map[string]bool // packages with failures that are not listed
}

// A limit is one line of the file: a package's folder in the module, a test or subtest,
// and the reason.
type limit struct {
	pkg, test, reason string
	line              int
	met               string // the full name of the package in which the test failed
	healed            bool   // the test ran without a failure
}

// readLimits reads a list; lines with # are comments. Without a file, the list is empty.
func readLimits(file string) (*limits, error) {
	l := &limits{file: file, strange: map[string]bool{}}
	if file == "" {
		return l, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		fields := strings.SplitN(text, " ", 3)
		if len(fields) != 3 {
			return nil, fmt.Errorf("%s:%d: want \"package test reason\", got %q", file, n, text)
		}
		l.lines = append(l.lines, &limit{pkg: fields[0], test: fields[1], reason: fields[2], line: n})
	}
	return l, lines.Err()
}

func (l *limit) in(pkg string) bool { return pkg == l.pkg || strings.HasSuffix(pkg, "/"+l.pkg) }

// expects reports whether the result of a test is expected: the test did not fail, or it is listed,
// or a failed subtest of it is.
func (l *limits) expects(e event) bool {
	failed := e.Action == "fail"
	expected := !failed
	for _, limit := range l.lines {
		switch {
		case !limit.in(e.Package):
		case !failed:
			limit.healed = limit.healed || limit.test == e.Test
		case limit.test == e.Test:
			limit.met = e.Package
			expected = true
		case strings.HasPrefix(limit.test, e.Test+"/") && limit.met == e.Package:
			expected = true
		}
	}
	if !expected {
		l.strange[e.Package] = true
	}
	return expected
}

// summary returns a line of a package's own output. FAIL becomes ok if all failures of the package
// are listed.
func (l *limits) summary(pkg, line string) string {
	if !l.failed(pkg) {
		return line
	}
	if line == "FAIL\n" {
		return ""
	}
	if rest, ok := strings.CutPrefix(line, "FAIL\t"); ok {
		return "ok  \t" + strings.TrimSuffix(rest, "\n") + fmt.Sprintf("\t(%d as listed)\n", l.count(pkg))
	}
	return line
}

// failed reports whether a package has failures, and all of them are listed.
func (l *limits) failed(pkg string) bool {
	return l.count(pkg) > 0 && !l.strange[pkg]
}

func (l *limits) count(pkg string) int {
	n := 0
	for _, limit := range l.lines {
		if limit.met == pkg {
			n++
		}
	}
	return n
}

// wrong returns the listed tests that ran without a failure.
func (l *limits) wrong() (lines []string) {
	for _, limit := range l.lines {
		if limit.healed {
			lines = append(lines, fmt.Sprintf("%s:%d: %s does not fail, but is listed\n", l.file, limit.line, limit.test))
		}
	}
	return lines
}
