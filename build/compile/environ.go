package compile

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/process"
	"github.com/slipway-build/slipway/internal/regular"
)

// An environment contains the variables of a command, by name.
type environment map[string]string

// list returns e in the form of exec.Cmd, sorted.
func (e environment) list() []string {
	list := make([]string, 0, len(e))
	for _, name := range slices.Sorted(maps.Keys(e)) {
		list = append(list, name+"="+e[name])
	}
	return list
}

// inheritable contains the variables that go inherits from the caller: where files are, how modules
// are fetched and verified, how much of the machine to use. None of them changes the bytes of a
// binary, since go.sum pins what is fetched. The exception is GOTOOLCHAIN, which is part of a
// stamp: the caller selects the version of Go, as with PATH.
var inheritable = process.Basic.And(
	// How to fetch modules, and git's credentials for private ones.
	"GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOVCS", "GOAUTH", "NETRC",
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "SSH_AUTH_SOCK", "SSH_ASKPASS",
	"GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_TERMINAL_PROMPT",
	"GIT_CONFIG_COUNT", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_KEY_*", "GIT_CONFIG_VALUE_*",
	// Where go keeps its files.
	"GOPATH", "GOMODCACHE", "GOCACHE", "GOCACHEPROG", "GOTMPDIR",
	"GOTOOLCHAIN",
	// How much of the machine to use.
	"GOMAXPROCS", "GOMEMLIMIT", "GOGC",
)

// ofCacheProgram contains the variables that go inherits for its GOCACHEPROG, if that is set: what "slipway cache go"
// needs to reach shared caches. C compilers get them, too.
var ofCacheProgram = inheritable.And("SLIPWAY_*", "AWS_*", "COSIGN_PASSWORD", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")

// keysOfCache are the variables that name another one, as env://NAME.
var keysOfCache = []string{"SLIPWAY_CACHE_KEY", "SLIPWAY_CACHE_PUBLIC_KEY"}

// inherit selects variables from the caller's environment, and from the settings of `go env -w`.
// GOENV=off prevents go from reading those settings again.
func inherit(environ []string) environment {
	caller := environment{}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
			caller[name] = value
		}
	}
	env := environment{}
	for name, value := range goEnvFile(caller) {
		if inheritable.Has(name) {
			env[name] = value
		}
	}
	passed := inheritable
	if caller["GOCACHEPROG"] != "" {
		passed = ofCacheProgram
		for _, name := range keysOfCache {
			if named, ok := strings.CutPrefix(caller[name], "env://"); ok {
				env[named] = caller[named]
			}
		}
	}
	for name, value := range caller {
		if passed.Has(name) && value != "" {
			if runtime.GOOS == "windows" {
				name = strings.ToUpper(name)
			}
			env[name] = value
		}
	}
	env["GOENV"] = "off"
	return env
}

// goEnvFile reads the file of `go env -w` (go help environment).
func goEnvFile(caller environment) environment {
	path := caller["GOENV"]
	if path == "off" {
		return nil
	}
	if path == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return nil
		}
		path = filepath.Join(dir, "go", "env")
	}
	data, err := regular.ReadFile(path)
	if err != nil {
		return nil // most users have no such file
	}
	env := environment{}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "="); ok && !strings.HasPrefix(name, "#") {
			env[name] = value
		}
	}
	return env
}

// A microarchitecture describes the variable that selects the instruction set of an architecture:
// its name, its valid values, and its spelling of the variant of an image platform.
type microarchitecture struct {
	variable string
	values   *regexp.Regexp
	// standard is the value for a platform without a variant; "" leaves the choice to go, whose
	// default is constant except for GOARM.
	standard string
	spell    func(variant string) string
}

func asIs(variant string) string     { return variant }
func withoutV(variant string) string { return strings.TrimPrefix(variant, "v") }

// withMinor turns v9 into v9.0.
func withMinor(variant string) string {
	if strings.Contains(variant, ".") {
		return variant
	}
	return variant + ".0"
}

// microarchitectures has the variables of internal/buildcfg in Go 1.26. They are checked here,
// since go silently builds for the default if GOAMD64 is v9.
var microarchitectures = map[string]microarchitecture{
	"386":      {"GO386", regexp.MustCompile(`^(sse2|softfloat)$`), "", asIs},
	"amd64":    {"GOAMD64", regexp.MustCompile(`^v[1-4]$`), "", asIs},
	"arm":      {"GOARM", regexp.MustCompile(`^[5-7](,softfloat|,hardfloat)?$`), "7", withoutV},
	"arm64":    {"GOARM64", regexp.MustCompile(`^v(8\.[0-9]|9\.[0-5])(,lse|,crypto)*$`), "", withMinor},
	"mips":     {"GOMIPS", regexp.MustCompile(`^(hard|soft)float$`), "", asIs},
	"mipsle":   {"GOMIPS", regexp.MustCompile(`^(hard|soft)float$`), "", asIs},
	"mips64":   {"GOMIPS64", regexp.MustCompile(`^(hard|soft)float$`), "", asIs},
	"mips64le": {"GOMIPS64", regexp.MustCompile(`^(hard|soft)float$`), "", asIs},
	"ppc64":    {"GOPPC64", regexp.MustCompile(`^power(8|9|10)$`), "", asIs},
	"ppc64le":  {"GOPPC64", regexp.MustCompile(`^power(8|9|10)$`), "", asIs},
	"riscv64":  {"GORISCV64", regexp.MustCompile(`^rva2[0-9]u64$`), "", asIs},
}

// reserved are the variables that a target must not set, and the key to use instead.
var reserved = map[string]string{
	"GOOS":   "platforms",
	"GOARCH": "platforms",
	"GOENV":  "env, one variable at a time",
}

// targetEnvironment returns the variables that t adds to the inherited environment.
func targetEnvironment(t Target) (environment, error) {
	env := environment{"GOOS": t.Platform.OS, "GOARCH": t.Platform.Architecture, "CGO_ENABLED": "0"}
	micro, ok := microarchitectures[t.Platform.Architecture]
	switch {
	case t.Platform.Variant != "" && !ok:
		return nil, fmt.Errorf("platform %s: Go has no variants of %s", images.FormatPlatform(t.Platform), t.Platform.Architecture)
	case t.Platform.Variant != "":
		env[micro.variable] = micro.spell(t.Platform.Variant)
	case micro.standard != "":
		env[micro.variable] = micro.standard
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(t.Env)) {
		if instead, ok := reserved[name]; ok {
			errs = append(errs, fmt.Errorf("env: %s cannot be set here: set %s", name, instead))
			continue
		}
		env[name] = t.Env[name]
	}
	if v := env["CGO_ENABLED"]; v != "0" && v != "1" {
		errs = append(errs, fmt.Errorf("env: CGO_ENABLED is %q: want 0 or 1", v))
	}
	if v := env[micro.variable]; ok && v != "" && !micro.values.MatchString(v) {
		errs = append(errs, fmt.Errorf("%s is %q, from the platform's variant or from env: want a value that matches %s", micro.variable, v, micro.values))
	}
	return env, errors.Join(errs...)
}

// crossCompilers are the names of C compilers in Debian, Fedora and Alpine.
var crossCompilers = map[string]string{
	"linux/amd64":   "x86_64-linux-gnu-gcc",
	"linux/arm":     "arm-linux-gnueabihf-gcc",
	"linux/arm64":   "aarch64-linux-gnu-gcc",
	"linux/ppc64le": "powerpc64le-linux-gnu-gcc",
	"linux/riscv64": "riscv64-linux-gnu-gcc",
	"linux/s390x":   "s390x-linux-gnu-gcc",
	"windows/386":   "i686-w64-mingw32-gcc",
	"windows/amd64": "x86_64-w64-mingw32-gcc",
	"windows/arm64": "aarch64-w64-mingw32-gcc",
}

// checkCompiler returns an error for a C compiler that is missing, or that is the host's instead of
// the target's. go would report that later and less clearly.
func (c *Compiler) checkCompiler(j *job) error {
	port := j.Platform.OS + "/" + j.Platform.Architecture
	host := runtime.GOOS + "/" + runtime.GOARCH
	example := crossCompilers[port]
	if example == "" {
		example = "clang"
	}
	cc := j.env["CC"]
	if cc == "" && port != host {
		return fmt.Errorf("CGO_ENABLED=1 for %s on %s needs a cross compiler: set CC in env, such as CC: %s", port, host, example)
	}
	if cc == "" {
		return nil // go finds the host's own compiler, and reports if it is missing
	}
	program := strings.Fields(cc)[0]
	if _, err := lookPath(strings.Trim(program, `"'`), c.inherited.with(j.env)); err != nil {
		return fmt.Errorf("the C compiler %s (CC in env) is not in PATH: install it, or set CC to an installed one", program)
	}
	return nil
}

// with returns a copy of e with the variables of more, which take precedence.
func (e environment) with(more environment) environment {
	all := maps.Clone(e)
	maps.Copy(all, more)
	return all
}
