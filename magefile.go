//go:build mage

// Slipway takes a Kubernetes distribution from source to release, for Linux and
// Windows.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	//mage:import
	_ "github.com/slipway-build/slipway/build/targets"
	"github.com/slipway-build/slipway/internal/process"
)

// maxComplexity is the cyclomatic complexity that no function exceeds: that of the switch over the
// instructions of a Dockerfile. Lower it when that is cut.
const maxComplexity = "23"

// Check checks this repository's source with gofmt, go vet (for Windows, too), staticcheck,
// gocyclo and deadcode, and reports all findings.
func Check(ctx context.Context) error {
	var errs []error
	command := func(env []string, words ...string) string {
		cmd := process.Command(ctx, words[0], words[1:]...)
		cmd.Env = append(os.Environ(), env...)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := process.Run(ctx, cmd); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w\n%s", strings.Join(env, " "), strings.Join(words, " "), err, out.String()))
		}
		return out.String()
	}
	tracked := strings.Fields(command(nil, "git", "ls-files", "*.go"))
	if unformatted := command(nil, append([]string{"gofmt", "-l"}, tracked...)...); unformatted != "" {
		errs = append(errs, fmt.Errorf("gofmt -w would change:\n%s", unformatted))
	}
	command(nil, "go", "vet", "./...")
	command([]string{"GOOS=windows"}, "go", "vet", "./...")
	command(nil, "go", "tool", "staticcheck", "./...")
	command(nil, "go", "tool", "gocyclo", "-over", maxComplexity, "-ignore", `_test\.go$|testdata/`, ".")
	for _, line := range strings.Split(command(nil, "go", "tool", "deadcode", "-test", "./..."), "\n") {
		if line != "" && !strings.HasPrefix(line, "build/targets/") && !strings.HasPrefix(line, "internal/process/parent") {
			// Mage calls the targets, and only targets call process.WithParent.
			errs = append(errs, errors.New(line))
		}
	}
	return errors.Join(errs...)
}
