package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/compile"
	"github.com/slipway-build/slipway/build/config/expression"
)

// BuildOpts are the options of go build.
type BuildOpts struct {
	Tags         Options           `yaml:"tags" doc:"build tags; an entry may contain several, separated by commas or spaces" example:"[netgo, {value: debug, when: '${ARCH} == \"amd64\"'}]"`
	Ldflags      Options           `yaml:"ldflags" doc:"linker flags" example:"[-s, -w, \"-X main.version=${VERSION}\"]"`
	Gcflags      Options           `yaml:"gcflags" doc:"compiler flags, one -gcflags for each entry" example:"[\"all=-N -l\"]"`
	Asmflags     Options           `yaml:"asmflags" doc:"assembler flags, one -asmflags for each entry, such as all=-spectre=all"`
	Flags        Options           `yaml:"flags" doc:"other flags of go build, one for each entry, such as -race or -covermode=atomic"`
	Buildmode    string            `yaml:"buildmode" enum:"default exe pie" doc:"default, exe or pie (loaded at any address)"`
	Goexperiment Options           `yaml:"goexperiment" doc:"experiments of the Go toolchain, such as boringcrypto"`
	Env          map[string]string `yaml:"env" expand:"platform name" doc:"environment variables of go build, such as CC and CGO_CFLAGS; CGO_ENABLED is 0 unless set" example:"{CGO_ENABLED: 1, CC: x86_64-linux-gnu-gcc}"`
	Assert       []string          `yaml:"assert" pattern:"^(static|fips|pie|max-size=.+)$" doc:"checks of the compiled binary: static, fips, pie, max-size=20MiB" example:"[static, max-size=20MiB]"`
}

// Options are options of go build. In slipway.yaml, a single option may replace the list.
type Options []Option

// An Option is an entry of a list of options of go build.
type Option struct {
	Value string               `yaml:"value" required:"true" short:"true" expand:"platform name" linked:"true" doc:"tag or flag"`
	When  expression.Condition `yaml:"when" expand:"platform name" linked:"true" doc:"condition, such as ${DEBUG}: it is used only for the platforms on which it holds"`
}

// Values returns the options whose conditions hold, expanded.
func (o Options) Values(vars map[string]string) []string {
	var values []string
	for _, option := range o {
		if option.When.Holds(vars) {
			values = append(values, expression.Expand(option.Value, vars))
		}
	}
	return values
}

// BuildOverrides replaces options on one platform: a list replaces the list, and environment variables are added to the
// others.
type BuildOverrides struct {
	Package   string `yaml:"package" doc:"main package on this platform"`
	BuildOpts `yaml:",inline"`
}

// With returns a copy of o in which the options of overrides take precedence.
func (o BuildOpts) With(overrides BuildOpts) BuildOpts {
	for _, list := range []struct{ of, by *Options }{
		{&o.Tags, &overrides.Tags}, {&o.Ldflags, &overrides.Ldflags}, {&o.Gcflags, &overrides.Gcflags}, {&o.Asmflags, &overrides.Asmflags},
		{&o.Flags, &overrides.Flags}, {&o.Goexperiment, &overrides.Goexperiment},
	} {
		if *list.by != nil {
			*list.of = *list.by
		}
	}
	if overrides.Assert != nil {
		o.Assert = overrides.Assert
	}
	if overrides.Buildmode != "" {
		o.Buildmode = overrides.Buildmode
	}
	env := maps.Clone(overrides.Env)
	for name, value := range o.Env {
		if _, ok := env[name]; !ok {
			if env == nil {
				env = map[string]string{}
			}
			env[name] = value
		}
	}
	o.Env = env
	return o
}

var experimentShape = regexp.MustCompile(`^[a-z0-9]+$`)

// buildOpts checks the options of go build at path.
func (v *validator) buildOpts(path string, o BuildOpts) {
	v.asserts(path, o.Assert)
	v.options(path+".flags", o.Flags, compile.CheckFlag)
	v.options(path+".goexperiment", o.Goexperiment, func(name string) error {
		if !experimentShape.MatchString(name) {
			return fmt.Errorf("%q: want one experiment for each entry, in lower case, such as boringcrypto", name)
		}
		return nil
	})
	for key, options := range map[string]Options{"gcflags": o.Gcflags, "asmflags": o.Asmflags} {
		v.options(path+"."+key, options, func(flags string) error {
			if strings.HasPrefix(flags, "-"+key) {
				return fmt.Errorf("%q: remove -%s=, which is added", flags, key)
			}
			return nil
		})
	}
}

// options checks the entries of a list of options, with placeholders for variables that have no value yet.
func (v *validator) options(path string, options Options, check func(string) error) {
	for i, o := range options {
		at := fmt.Sprintf("%s[%d]", path, i)
		if !v.given(at) {
			at = path // one option instead of the list
		}
		if v.reportedBelow(at) {
			continue
		}
		if err := check(placeholders.Replace(o.Value)); err != nil {
			if v.given(at + ".value") {
				at += ".value"
			}
			v.wrong(at, "%v", err)
		}
	}
}

// experiments reports a binary with both the key goexperiment and GOEXPERIMENT in its environment.
func (v *validator) experiments(path string, b *Binary) {
	paths := []string{path}
	for _, platform := range slices.Sorted(maps.Keys(b.Overrides)) {
		paths = append(paths, path+".overrides."+platform)
	}
	if !slices.ContainsFunc(paths, func(at string) bool { return v.given(at + ".goexperiment") }) {
		return
	}
	for _, at := range paths {
		if at += ".env.GOEXPERIMENT"; v.given(at) {
			v.wrong(at, "the binary has goexperiment: remove one of them")
		}
	}
}
