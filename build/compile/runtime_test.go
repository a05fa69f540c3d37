package compile

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"golang.org/x/mod/modfile"
)

// The versions that this repository's runtime module pins, and those in its slipway.yaml, are
// equal.
func TestRuntimeModuleAndConfigurationAgree(t *testing.T) {
	root := filepath.Join("..", "..")
	data, err := os.ReadFile(filepath.Join(root, "runtime", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("runtime/go.mod", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(root, "slipway.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var pinned, built []string
	for _, tool := range mod.Tool {
		pinned = append(pinned, tool.Path)
	}
	for _, m := range regexp.MustCompile(`(?m)^\s+package: (github\.com/containernetworking/\S+)$`).FindAllSubmatch(config, -1) {
		built = append(built, string(m[1]))
	}
	slices.Sort(pinned)
	slices.Sort(built)
	if !slices.Equal(pinned, built) {
		t.Errorf("runtime/go.mod pins %q\nslipway.yaml builds %q", pinned, built)
	}
	version := ""
	for _, r := range mod.Require {
		if r.Mod.Path == "github.com/containernetworking/plugins" {
			version = r.Mod.Version
		}
	}
	if m := regexp.MustCompile(`CNI_PLUGINS_VERSION: (\S+)`).FindSubmatch(config); m == nil || string(m[1]) != version {
		t.Errorf("slipway.yaml has CNI_PLUGINS_VERSION: %s, runtime/go.mod pins %s", m, version)
	}
}
