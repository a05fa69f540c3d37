package compile

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/mod/modfile"

	"github.com/slipway-build/slipway/internal/regular"
)

// Sources returns the files that a binary depends on: those of its module, of local replacements and of its workspace.
// If one of them changes, go is run. gowork is GOWORK in the Env of the target.
func (c *Compiler) Sources(dir, gowork string) ([]string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	files, err := readTree(dir, gowork, c.withoutSource())
	return files.files, err
}

// Toolchain returns the release of the go command that builds, such as go1.26.1, with GOTOOLCHAIN if it is set. It is
// "unknown" if only running go could tell.
func (c *Compiler) Toolchain() string {
	release := "unknown"
	if tool, err := findGo(c.inherited); err == nil && tool.release != "" {
		release = tool.release
	}
	if choice := c.inherited["GOTOOLCHAIN"]; choice != "" {
		release += " (GOTOOLCHAIN=" + choice + ")"
	}
	return release
}

// Requirements returns the versions in the go.mod of the module in dir: those of the modules that it requires, with
// their replacements, and those of Go under go and toolchain. It returns none without a go.mod.
func Requirements(dir string) (map[string]string, error) {
	file := filepath.Join(dir, "go.mod")
	data, err := regular.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	mod, err := modfile.Parse(file, data, nil)
	if err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for _, r := range mod.Require {
		versions[r.Mod.Path] = r.Mod.Version
	}
	for _, r := range mod.Replace {
		if r.Old.Version == "" || versions[r.Old.Path] == r.Old.Version {
			versions[r.Old.Path] = fmt.Sprintf("%s => %s", versions[r.Old.Path], r.New)
		}
	}
	if mod.Go != nil {
		versions["go"] = mod.Go.Version
	}
	if mod.Toolchain != nil {
		versions["toolchain"] = mod.Toolchain.Name
	}
	return versions, nil
}
