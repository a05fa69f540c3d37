package pipeline

import (
	"cmp"
	"errors"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/usage"
)

// Services are the names of the services.
var Services = []string{"github", "gitlab", "argo"}

// Options specify a pipeline.
type Options struct {
	// Service is one of Services.
	Service string
	// Shards is the number of jobs that package the release; 0 means one for each runner.
	Shards int
	// Runners maps platforms, as images.FormatPlatform writes them, to the labels of their runners, separated by commas.
	// Others have those of the service.
	Runners map[string]string
	// Slipway is the command with which jobs run Slipway. Empty means go tool slipway, if go.mod has it.
	Slipway string
	// Image is the container image of jobs on GitLab and Argo. Empty means that of the Go version in go.mod.
	Image string
	// Secrets are the names of more secrets that shards get as environment variables.
	Secrets []string
	// Timeout is the time limit of each job; 0 means defaultTimeout.
	Timeout time.Duration
	// File is the path of the pipeline in the repository, with slashes. Empty means DefaultFile.
	File string
}

// defaultTimeout is the time limit of a job without another.
const defaultTimeout = 2 * time.Hour

// files are the paths of pipelines in the repository.
var files = map[string]string{"github": ".github/workflows/slipway.yml", "gitlab": ".gitlab/slipway.yml", "argo": ".argo/slipway.yaml"}

// DefaultFile returns the path of a service's pipeline in the repository, with slashes.
func DefaultFile(service string) string { return files[service] }

// Command returns the command line that makes the pipeline of o.
func (o Options) Command() []string {
	words := []string{"slipway", "ci", o.Service}
	add := func(flag, value string) {
		if value != "" {
			words = append(words, "--"+flag, value)
		}
	}
	if o.Shards > 0 {
		add("shards", strconv.Itoa(o.Shards))
	}
	for _, platform := range slices.Sorted(maps.Keys(o.Runners)) {
		add("runner", platform+"="+o.Runners[platform])
	}
	add("slipway", o.Slipway)
	add("image", o.Image)
	for _, name := range o.Secrets {
		add("secret", name)
	}
	if o.Timeout != 0 {
		add("timeout", strconv.Itoa(int(o.Timeout.Minutes()))+"m")
	}
	add("file", o.File)
	return words
}

// commandShape matches commands that shells and YAML leave as they are.
var commandShape = regexp.MustCompile(`^([0-9A-Za-z_@%+=:,./-]*[0-9A-Za-z_@%+=,./-]( |$))*$`)

// check returns the errors in o.
func (o Options) check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, usage.Errorf(format, args...)) }
	if !slices.Contains(Services, o.Service) {
		wrong("service %q: want one of %s", o.Service, strings.Join(Services, ", "))
	}
	if o.Shards < 0 || o.Shards > plan.MaxShards {
		wrong("--shards %d: want a number from 1 to %d", o.Shards, plan.MaxShards)
	}
	for platform, labels := range o.Runners {
		if _, err := images.ParsePlatforms([]string{platform}); err != nil {
			wrong("--runner %s=%s: %w", platform, labels, err)
		}
		if slices.Contains(strings.Split(labels, ","), "") {
			wrong("--runner %s=%s: want PLATFORM=LABEL, or several labels with commas between them", platform, labels)
		}
	}
	for _, name := range o.Secrets {
		if !expression.IsName(name) {
			wrong("--secret %q: want the name of an environment variable", name)
		}
	}
	if o.Timeout != 0 && (o.Timeout < time.Minute || o.Timeout%time.Minute != 0) {
		wrong("--timeout %s: want whole minutes, such as 90m or 2h", o.Timeout)
	}
	if o.File != "" && !filepath.IsLocal(o.File) {
		wrong("--file %s: want a path in the repository", o.File)
	}
	if !commandShape.MatchString(o.Slipway) {
		wrong("--slipway %q: want a program and arguments that need no quotes", o.Slipway)
	}
	for _, word := range o.Command() {
		if strings.ContainsAny(word, "'\r\n") {
			wrong("%q: a value with a quote or a line break cannot be written into a pipeline", word)
		}
	}
	return errors.Join(errs...)
}

func (o Options) timeout() time.Duration { return cmp.Or(o.Timeout, defaultTimeout) }
