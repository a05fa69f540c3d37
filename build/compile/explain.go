package compile

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/slipway-build/slipway/images"
)

// An advice explains a message of go.
type advice struct {
	pattern *regexp.Regexp
	say     func(j *job, match []string) string
}

// advices are for mistakes in a target, a module or the machine. Mistakes in the source are
// explained well enough by the compiler. The first match is used.
var advices = []advice{
	{
		regexp.MustCompile(`requires go >= (\S+) \(running go ([^;)\s]+)`),
		func(j *job, m []string) string {
			return fmt.Sprintf("the go command in PATH is too old: %s needs Go %s, and it is %s; install a newer one from https://go.dev/dl/, or set GOTOOLCHAIN=auto to let it fetch one", modFile(j), m[1], m[2])
		},
	},
	{
		// Before Go 1.21, three numbers in the go line of go.mod were a syntax error.
		regexp.MustCompile(`invalid go version '(\S+)': must match format`),
		func(j *job, m []string) string {
			return fmt.Sprintf("the go command in PATH is too old: %s needs Go %s; install a newer one from https://go.dev/dl/", modFile(j), m[1])
		},
	},
	{
		regexp.MustCompile(`(?:no required module provides package|cannot find module providing package) ([^\s;:]+)`),
		func(j *job, m []string) string {
			return fmt.Sprintf("package %s is not pinned by %s: run `go get %s@VERSION` in %s", m[1], modFile(j), m[1], j.Target.Dir)
		},
	},
	{
		regexp.MustCompile(`missing go\.sum entry`),
		func(j *job, _ []string) string {
			return fmt.Sprintf("%s does not pin the bytes of every module: run `go mod tidy`, or the command named above, in %s and commit go.sum", sumFile(j), j.Target.Dir)
		},
	},
	{
		regexp.MustCompile(`updates to go\.mod needed|missing go\.mod|inconsistent vendoring`),
		func(j *job, _ []string) string {
			return fmt.Sprintf("%s is out of date, and a build does not change it: run `go mod tidy` in %s and commit the result", modFile(j), j.Target.Dir)
		},
	},
	{
		regexp.MustCompile(`verifying \S+: (?:checksum|go\.sum) mismatch|checksum mismatch`),
		func(j *job, _ []string) string {
			return fmt.Sprintf("the download does not match %s: the module was changed, or the proxy (GOPROXY) cannot be trusted", sumFile(j))
		},
	},
	{
		regexp.MustCompile(`directory not found|no such file or directory\s*$|is not in std|no Go files in|cannot find package`),
		func(j *job, _ []string) string {
			return fmt.Sprintf("package %s not found in module folder %s: check `package` and `module`", j.Package, j.Target.Dir)
		},
	},
	{
		regexp.MustCompile(`build constraints exclude all Go files in`),
		func(j *job, _ []string) string {
			return fmt.Sprintf("a package has no files for %s: remove that platform from the binary's platforms, or set the tags that it requires", images.FormatPlatform(j.Platform))
		},
	},
	{
		regexp.MustCompile(`no main packages to build`),
		func(j *job, _ []string) string {
			return fmt.Sprintf("%s is a library: name a package whose files begin with `package main`", j.Package)
		},
	},
	{
		regexp.MustCompile(`C compiler "?([^"\s]+)"? not found`),
		func(j *job, m []string) string {
			return fmt.Sprintf("CGO_ENABLED=1 needs the C compiler %s: install it, or set CC in env to an installed one", m[1])
		},
	},
	{
		regexp.MustCompile(`no space left on device|not enough space on the disk`),
		func(*job, []string) string {
			return "the disk is full: free some space where GOCACHE, GOTMPDIR and the output lie"
		},
	},
	{
		regexp.MustCompile(`signal: killed`),
		func(*job, []string) string {
			return "a compiler or linker was killed, most often for want of memory: set JOBS=1, or give the machine more"
		},
	},
	{
		regexp.MustCompile(`dial tcp|no such host|i/o timeout|module lookup disabled by GOPROXY=off`),
		func(*job, []string) string {
			return "a module could not be fetched: check the network, or GOPROXY and GOPRIVATE"
		},
	},
}

// A goError is a failed go build of one target.
type goError struct {
	job    *job
	output string // go's output without downloads; never empty
}

func (e *goError) Error() string { return e.job.explain(e.output) }

// HoldsOutput marks an error whose text contains the output, so that a display does not show the
// output again.
func (*goError) HoldsOutput() {}

// explain returns go's output, preceded by advice if an advice matches.
func (j *job) explain(output string) string {
	message := fmt.Sprintf("go build in %s:\n%s", j.Target.Dir, indent(output))
	if advice := j.advice(output); advice != "" {
		return advice + "\n" + message
	}
	return message
}

func (j *job) advice(output string) string {
	for _, a := range advices {
		if m := a.pattern.FindStringSubmatch(output); m != nil {
			return a.say(j, m)
		}
	}
	return ""
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(text, "\n", "\n    ")
}

func modFile(j *job) string { return filepath.Join(j.Target.Dir, "go.mod") }
func sumFile(j *job) string { return filepath.Join(j.Target.Dir, "go.sum") }
