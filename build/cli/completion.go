package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/scaffold/convert"
)

// flagWords maps flags to their possible values. A flag takes one of them or, separated by commas,
// several.
var flagWords = map[string][]string{
	"progress":    {"auto", "tty", "plain", "github", "gitlab", "json", "none"},
	"builder":     {"embedded", "docker", "buildkit"},
	"platform":    {"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/ppc64le", "linux/riscv64", "linux/s390x", "windows/amd64"},
	"layers":      {"uncompressed", "original"},
	"level":       {"fastest", "default", "better", "best", "max"},
	"media-types": {"oci", "docker"},
	"compression": {"gzip", "zstd", "none"},
	"format":      {"spdx", "cyclonedx"},
	"modes":       {"normal", "keep"},
	"fail-on":     {"error", "warning", "note", "none"},
	"attach":      {"referrers", "tags"},
	"allow":       {"network.host", "security.insecure"},
}

// flagFiles are the flags whose value is a file, and flagFolders those whose value is a folder.
var (
	flagFiles   = []string{"config", "file", "output", "list", "checksums", "from", "key", "bundle"}
	flagFolders = []string{"cache-dir", "out", "project", "module"}
)

// completeFlags defines the completion of the values of c's flags. The default of shells is to
// offer files.
func completeFlags(c *cobra.Command) {
	complete := func(f *pflag.Flag) {
		words := flagWords[f.Name]
		if c.Name() == "init" && f.Name == "from" {
			words = convert.Tools()
		}
		if c.Name() == "push" && f.Name == "compression" {
			words = []string{"gzip", "zstd"}
		}
		if parts, ok := plan.Verbs[c.Name()]; ok && f.Name == "only" {
			words = slices.Concat([]string{"all"}, parts)
			if c.Name() != "publish" {
				words = append(words, plan.Systems...)
			}
		}
		var fill cobra.CompletionFunc
		switch {
		case words != nil:
			fill = oneOf(words)
		case slices.Contains(flagFolders, f.Name):
			fill = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				return nil, cobra.ShellCompDirectiveFilterDirs
			}
		case slices.Contains(flagFiles, f.Name):
			return // the shell's default
		default:
			fill = cobra.NoFileCompletions
		}
		if err := c.RegisterFlagCompletionFunc(f.Name, fill); err != nil {
			panic(err) // a flag that is not there, or twice: a bug
		}
	}
	c.LocalNonPersistentFlags().VisitAll(complete)
	c.PersistentFlags().VisitAll(complete)
}

// completeTargets offers the targets of verbs in the project.
func (p *Program) completeTargets(verbs ...string) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		b, err := release.Open(c.Context(), p.settings.Release())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer b.Close()
		var targets []string
		for _, verb := range verbs {
			selection, err := plan.Select(verb, nil)
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			targets = append(targets, b.Plan.Targets(selection)...)
		}
		slices.Sort(targets)
		other := func(target string) bool { return !strings.HasPrefix(target, typed) }
		return slices.DeleteFunc(slices.Compact(targets), other), cobra.ShellCompDirectiveNoFileComp
	}
}

// oneOf completes the last of several words that are separated by commas.
func oneOf(words []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndexByte(typed, ',')+1]
		var offered []string
		for _, word := range words {
			if strings.HasPrefix(before+word, typed) {
				offered = append(offered, before+word)
			}
		}
		return offered, cobra.ShellCompDirectiveNoFileComp
	}
}
