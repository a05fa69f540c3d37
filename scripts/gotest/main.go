// Gotest reads what `go test -json` writes and prints what go test prints without -json.
// The slowest tests come before the last line.
//
//	go test -json ./... | go -C scripts/gotest run .
//
// Its exit status is 1 if a package or a test failed, or if there was none. With -limits
// it reads a list of tests that must fail, one per line as "package test reason"; see
// [limits].
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// slowest is the maximum number of listed tests, and slow the minimum time of a listed test.
const (
	slowest = 15
	slow    = time.Second
)

func main() {
	file := flag.String("limits", "", "a `file` with the tests that must fail")
	flag.Parse()
	excused, err := readLimits(*file)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
	ok, err := run(os.Stdin, os.Stdout, excused)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

// An event is one of `go doc test2json`, or of a build that failed.
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64 // seconds
}

// A test is a test that has ended.
type test struct {
	pkg, name string
	took      time.Duration
}

// run copies the output of packages and of failed tests, and reports whether all passed, except for
// excused ones. It writes the last line of output after the list of the slowest tests.
func run(from io.Reader, to io.Writer, excused *limits) (passed bool, err error) {
	r := &reader{to: to, excused: excused, said: map[[2]string][]string{}}
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		var e event
		if line != "" && json.Unmarshal([]byte(line), &e) != nil {
			r.write(line) // of go itself
		}
		r.read(e)
		if err == io.EOF {
			break
		}
		if err != nil {
			return false, err
		}
	}
	for _, line := range excused.wrong() {
		r.write(line)
		r.failed = true
	}
	list(to, r.tests)
	fmt.Fprint(to, r.last)
	return r.packages > 0 && !r.failed, nil
}

// A reader collects the information in events.
type reader struct {
	to       io.Writer
	excused  *limits
	tests    []test
	said     map[[2]string][]string // by package and test
	last     string                 // the line that is held back
	packages int
	failed   bool
}

func (r *reader) write(lines ...string) {
	for _, line := range lines {
		if line != "" {
			fmt.Fprint(r.to, r.last)
			r.last = line
		}
	}
}

func (r *reader) read(e event) {
	key := [2]string{e.Package, e.Test}
	switch {
	case e.Action == "build-output":
		r.write(e.Output)
	case e.Action == "build-fail":
		r.failed = true
	case e.Action == "run":
		r.said[key] = nil
	case e.Action == "output" && e.Test == "":
		if e.Output != "PASS\n" {
			r.write(r.excused.summary(e.Package, e.Output))
		}
	case e.Action == "output":
		if !strings.HasPrefix(e.Output, "=== ") {
			r.said[key] = append(r.said[key], e.Output)
		}
	case ended(e.Action) && e.Test != "":
		r.endTest(e)
	case e.Action == "fail":
		r.failPackage(e)
	case e.Action == "pass":
		r.packages++
	}
}

func (r *reader) endTest(e event) {
	key := [2]string{e.Package, e.Test}
	if !r.excused.expects(e) {
		r.failed = true
		r.write(r.said[key]...)
	}
	delete(r.said, key)
	if !strings.Contains(e.Test, "/") {
		r.tests = append(r.tests, test{e.Package, e.Test, time.Duration(e.Elapsed * float64(time.Second))})
	}
}

// failPackage writes the names and the output of tests without an event of their own, because a panic, a signal or the
// time limit ended them.
func (r *reader) failPackage(e event) {
	cut := unfinished(r.said, e.Package)
	for _, key := range cut {
		r.write(r.said[key]...)
		r.write(fmt.Sprintf("--- NOT ENDED: %s\n", key[1]))
		delete(r.said, key)
	}
	if len(cut) > 0 || !r.excused.failed(e.Package) {
		r.failed = true
	}
	r.packages++
}

// ended reports whether an action is the result of a test.
func ended(action string) bool { return action == "pass" || action == "skip" || action == "fail" }

// unfinished returns the tests of a package that have not ended, sorted.
func unfinished(said map[[2]string][]string, pkg string) [][2]string {
	var keys [][2]string
	for key := range said {
		if key[0] == pkg {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return cmp.Compare(a[1], b[1]) })
	return keys
}

func list(to io.Writer, tests []test) {
	slices.SortFunc(tests, func(a, b test) int { return cmp.Or(cmp.Compare(b.took, a.took), cmp.Compare(a.name, b.name)) })
	for i, t := range tests {
		if i == slowest || t.took < slow {
			return
		}
		if i == 0 {
			fmt.Fprintln(to, "slowest tests:")
		}
		fmt.Fprintf(to, "%8.1fs  %s  %s\n", t.took.Seconds(), t.name, t.pkg)
	}
}
