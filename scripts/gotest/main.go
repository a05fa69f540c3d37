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

// slowest is how many tests are listed, and slow how long one takes to be listed.
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

// A test is one that has ended.
type test struct {
	pkg, name string
	took      time.Duration
}

// run copies the output of packages and of tests that failed, and says whether all
// passed but those that are excused. The last line of output is held back until the
// slowest tests were listed.
func run(from io.Reader, to io.Writer, excused *limits) (passed bool, err error) {
	var (
		tests    []test
		said     = map[[2]string][]string{} // by package and test
		last     string
		packages int
		failed   bool
	)
	write := func(line string) {
		if line != "" {
			fmt.Fprint(to, last)
			last = line
		}
	}
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		var e event
		if line != "" && json.Unmarshal([]byte(line), &e) != nil {
			write(line) // of go itself
		}
		key := [2]string{e.Package, e.Test}
		switch {
		case e.Action == "build-output":
			write(e.Output)
		case e.Action == "build-fail":
			failed = true
		case e.Action == "output" && e.Test == "":
			if e.Output != "PASS\n" {
				write(excused.summary(e.Package, e.Output))
			}
		case e.Action == "output":
			if !strings.HasPrefix(e.Output, "=== ") {
				said[key] = append(said[key], e.Output)
			}
		case ended(e.Action) && e.Test != "":
			if !excused.expects(e) {
				failed = true
				for _, output := range said[key] {
					write(output)
				}
			}
			delete(said, key)
			if !strings.Contains(e.Test, "/") {
				tests = append(tests, test{e.Package, e.Test, time.Duration(e.Elapsed * float64(time.Second))})
			}
		case e.Action == "fail":
			// A test that a panic or the time limit ended has no event of its own.
			cut := unfinished(said, e.Package)
			for _, key := range cut {
				for _, output := range said[key] {
					write(output)
				}
				delete(said, key)
			}
			if len(cut) > 0 || !excused.failed(e.Package) {
				failed = true
			}
			packages++
		case e.Action == "pass":
			packages++
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return false, err
		}
	}
	for _, line := range excused.wrong() {
		write(line)
		failed = true
	}
	list(to, tests)
	fmt.Fprint(to, last)
	return packages > 0 && !failed, nil
}

// ended tells whether an action is the result of a test.
func ended(action string) bool { return action == "pass" || action == "skip" || action == "fail" }

// unfinished are the tests of a package that have not ended, sorted.
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
