package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestCompletionOffersValues(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // the lines, then cobra's directive: 4 offers no files, 16 only folders
	}{
		{[]string{"build", "--only", ""}, "all binaries images linux windows :4"},
		{[]string{"build", "--only", "binaries,w"}, "binaries,windows :4"},
		{[]string{"publish", "--only", ""}, "all images index artifacts :4"},
		{[]string{"package", "--progress", "j"}, "json :4"},
		{[]string{"image", "build", "--builder", ""}, "embedded docker buildkit :4"},
		{[]string{"plan", "--platform", "linux/amd64,win"}, "linux/amd64,windows/amd64 :4"},
		{[]string{"airgap", "pack", "--layers", "o"}, "original :4"},
		{[]string{"build", "--jobs", ""}, ":4"},
		{[]string{"build", "--out", ""}, ":16"},
		{[]string{"init", "--from", "go"}, "goreleaser :4"},
		{[]string{"build", "--config", ""}, ":0"},
	} {
		_, stdout, _ := run(t, nil, append([]string{"__complete"}, c.args...)...)
		if got := strings.Join(strings.Fields(stdout), " "); got != c.want {
			t.Errorf("%s offers %q, want %q", strings.Join(c.args, " "), got, c.want)
		}
	}
}

func TestCompletionOffersTargets(t *testing.T) {
	_, config := project(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"build", "--config", config, ""}, "acme-runtime acme-runtime@linux/amd64 acme-runtime@windows/amd64 :4"},
		{[]string{"package", "--config", config, "windows@"}, "windows@windows/amd64 :4"},
		{[]string{"build", "--config", "nowhere.yaml", ""}, ":4"},
	} {
		_, stdout, _ := run(t, nil, append([]string{"__complete"}, c.args...)...)
		if got := strings.Join(strings.Fields(stdout), " "); got != c.want {
			t.Errorf("%s offers %q, want %q", strings.Join(c.args, " "), got, c.want)
		}
	}
}

// Words for flags that no longer exist would be misleading.
func TestCompletionNamesRealFlags(t *testing.T) {
	named := map[string]bool{}
	for name := range flagWords {
		named[name] = true
	}
	for _, name := range append(flagFiles, flagFolders...) {
		named[name] = true
	}
	p := Program{Getenv: func(string) (string, bool) { return "", false }}
	everyCommand(p.root(), func(c *cobra.Command) {
		gone := func(f *pflag.Flag) { delete(named, f.Name) }
		c.Flags().VisitAll(gone)
		c.PersistentFlags().VisitAll(gone)
	})
	for name := range named {
		t.Errorf("no command has --%s", name)
	}
}
