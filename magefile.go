//go:build mage

// Slipway takes a Kubernetes distribution from source to release, for Linux and
// Windows.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	//mage:import
	_ "github.com/slipway-build/slipway/build/targets"
)

// Check looks over this repository's own source: gofmt, go vet (for Windows
// too), staticcheck. It reports all they find.
func Check(ctx context.Context) error {
	var errs []error
	command := func(env []string, words ...string) string {
		cmd := exec.CommandContext(ctx, words[0], words[1:]...)
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w\n%s", strings.Join(env, " "), strings.Join(words, " "), err, out))
		}
		return string(out)
	}
	tracked := strings.Fields(command(nil, "git", "ls-files", "*.go"))
	if unformatted := command(nil, append([]string{"gofmt", "-l"}, tracked...)...); unformatted != "" {
		errs = append(errs, fmt.Errorf("gofmt -w would change:\n%s", unformatted))
	}
	command(nil, "go", "vet", "./...")
	command([]string{"GOOS=windows"}, "go", "vet", "./...")
	command(nil, "go", "tool", "staticcheck", "./...")
	return errors.Join(errs...)
}
