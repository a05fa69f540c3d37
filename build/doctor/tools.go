package doctor

import (
	"context"
	"fmt"
	"go/version"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/glob"
	"github.com/slipway-build/slipway/internal/process"
	"github.com/slipway-build/slipway/internal/regular"
)

// tools looks at the programs that the release runs: go, C compilers, git, those of hooks and destinations, those that
// connect to engines, and the signing key.
func (x *examination) tools(ctx context.Context) error {
	x.compilers()
	x.hooks()
	x.connections()
	if _, err := process.LookPath("git"); err != nil && x.env("TAG") == "" {
		x.find(Warning, "", "git is not in PATH: versions and commits come from it", "install git, or set TAG")
	}
	for _, d := range x.Plan.Destinations {
		if d.Exec.String() != "" {
			x.fromError(Error, x.CheckCommand(d))
		}
	}
	if err := x.CheckSigning(ctx); err != nil {
		x.fromError(Error, err)
	}
	return nil
}

// compilers looks at go and the C compilers of the binaries.
func (x *examination) compilers() {
	found, missing := x.GoRelease()
	modules := map[string]bool{}
	for _, b := range x.Plan.Binaries {
		if b.Prebuilt != "" {
			continue
		}
		if missing != nil {
			x.find(Error, x.positionOf(b), "binary "+b.Name+": "+missing.Error(), "")
			return
		}
		if x.isMade(b.Module) {
			continue // it does not exist yet
		}
		if err := x.CheckBinary(b); err != nil {
			x.find(Error, x.positionOf(b), fmt.Sprintf("%s for %s: %v", b.Name, b.Platform, err), "")
			continue
		}
		if !modules[b.Module] {
			modules[b.Module] = true
			x.goVersion(filepath.Join(x.Path(b.Module), "go.mod"), found)
		}
	}
}

// positionOf returns the position of a binary in slipway.yaml.
func (x *examination) positionOf(b plan.BinaryStep) string {
	for _, of := range x.Config.Binaries {
		if of.Name == b.Name {
			return of.Position.String()
		}
	}
	return ""
}

// goVersion compares the release of go in PATH with what a module needs.
func (x *examination) goVersion(file, found string) {
	raw, err := regular.ReadFile(file)
	if err != nil {
		return // CheckBinary reports it
	}
	module, err := modfile.ParseLax(file, raw, nil)
	if err != nil || module.Go == nil || found == "" || version.Compare(found, "go"+module.Go.Version) >= 0 {
		return
	}
	at := fmt.Sprintf("%s:%d", file, module.Go.Syntax.Start.Line)
	message := fmt.Sprintf("the module needs Go %s, and the go command in PATH is %s", module.Go.Version, found)
	if choice := x.env("GOTOOLCHAIN"); strings.HasPrefix(choice, "local") || x.options.Offline {
		x.find(Error, at, message, "install a newer one from https://go.dev/dl/, or set GOTOOLCHAIN=auto, without --offline, to let it fetch one")
		return
	}
	x.find(Note, at, message, "go fetches the newer one, unless the network forbids it")
}

// hooks looks at the programs and secrets of hooks. Those that an earlier step makes do not exist yet.
func (x *examination) hooks() {
	for _, h := range x.Plan.HookSteps() {
		if len(h.Run) > 0 && strings.Contains(h.Run[0], "/") && x.isMade(path.Join(h.Dir, h.Run[0])) {
			continue
		}
		x.fromError(Error, x.CheckHook(h))
	}
}

// madeBy returns a function that reports whether a path is in dist, or belongs to a fetched file or to an output of a hook.
func madeBy(p *plan.Plan) func(planned string) bool {
	folders := []string{"dist"}
	for _, f := range p.Fetches {
		folders = append(folders, path.Clean(f.Path))
	}
	var outputs []*glob.Set
	for _, h := range p.HookSteps() {
		if set, err := glob.New(h.Outputs...); err == nil && len(h.Outputs) > 0 {
			outputs = append(outputs, set)
		}
	}
	return func(planned string) bool {
		planned = path.Clean(planned)
		return slices.ContainsFunc(folders, func(dir string) bool { return planned == dir || strings.HasPrefix(planned, dir+"/") }) ||
			slices.ContainsFunc(outputs, func(set *glob.Set) bool { return set.Has(planned) })
	}
}

// connectors maps schemes of addresses of engines to the programs that connect to them.
var connectors = map[string]string{
	"ssh": "ssh", "kube-pod": "kubectl", "docker-container": "docker", "nerdctl-container": "nerdctl", "podman-container": "podman",
}

// connections looks for the programs that connect to engines.
func (x *examination) connections() {
	for _, step := range x.Plan.Images {
		for _, address := range x.addresses(step) {
			scheme, _, _ := strings.Cut(address, "://")
			program := connectors[scheme]
			if program == "" {
				continue
			}
			if _, err := process.LookPath(program); err != nil {
				x.find(Error, x.positionOfImage(step), fmt.Sprintf("%s is not in PATH: it connects to the engine at %s", program, address), "install it")
			}
		}
	}
}

// addresses returns the addresses of the engines that may build an image. It is empty for the embedded builder.
func (x *examination) addresses(step plan.ImageStep) []string {
	switch {
	case step.Builder == images.DockerBuilder:
		return []string{x.options.DockerHost}
	case step.Builder != images.BuildkitBuilder:
		return nil
	case len(step.Addresses) > 0:
		return step.Addresses
	case step.Address != "":
		return []string{step.Address}
	}
	return []string{x.options.BuildkitHost}
}

// positionOfImage returns the position of an image in slipway.yaml.
func (x *examination) positionOfImage(step plan.ImageStep) string {
	for _, of := range x.Config.Images {
		if of.Name == step.Image {
			return of.Position.String()
		}
	}
	return ""
}

// env returns the value of an environment variable, or "".
func (x *examination) env(name string) string {
	value, _ := x.options.Getenv(name)
	return value
}
