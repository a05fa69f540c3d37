package compile

import (
	"os"
	"path/filepath"
	"testing"
)

// digestOf builds the program "one" of a new copy of the module, and returns its digest.
func digestOf(t *testing.T, change func(*Target)) string {
	t.Helper()
	dir := module(t, twoPrograms)
	x := target(t, dir, "one", "linux/amd64")
	x.Ldflags = []string{"-X main.version=v1"}
	if change != nil {
		change(&x)
	}
	results, err := newCompiler(t, dir).Build(t.Context(), []Target{x})
	if err != nil {
		t.Fatal(err)
	}
	return results[0].Digest.Hex
}

func TestBytesDependOnTheTargetAlone(t *testing.T) {
	want := digestOf(t, nil)

	t.Run("not on the folder or on TMPDIR", func(t *testing.T) {
		t.Setenv("TMPDIR", t.TempDir())
		if got := digestOf(t, nil); got != want {
			t.Errorf("the same source in another folder made %s, not %s", got, want)
		}
	})
	for name, env := range map[string]map[string]string{
		"not on the caller's GOFLAGS":    {"GOFLAGS": "-ldflags=-X=main.version=caller -tags=caller -race"},
		"not on the caller's processor":  {"GOAMD64": "v3"},
		"not on the caller's CGO":        {"CGO_ENABLED": "1", "CC": "no-such-compiler"},
		"not on the caller's experiment": {"GOEXPERIMENT": "nosuchexperiment"},
		"not on the caller's GOOS":       {"GOOS": "windows", "GOARCH": "arm64"},
		"not on the caller's workspace":  {"GOWORK": "/no/such/go.work"},
		"not on the caller's FIPS mode":  {"GOFIPS140": "latest"},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range env {
				t.Setenv(k, v)
			}
			if got := digestOf(t, nil); got != want {
				t.Errorf("%v made %s, not %s", env, got, want)
			}
		})
	}
	t.Run("not on the caller's go env -w", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "env")
		if err := os.WriteFile(file, []byte("GOFLAGS=-race\nGOAMD64=v3\nGOFIPS140=latest\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Setenv("GOENV", file)
		if got := digestOf(t, nil); got != want {
			t.Errorf("go env -w made %s, not %s", got, want)
		}
	})
	t.Run("not on whether it is built alone", func(t *testing.T) {
		dir := module(t, twoPrograms)
		one, two := target(t, dir, "one", "linux/amd64"), target(t, dir, "two", "linux/amd64")
		one.Ldflags = []string{"-X main.version=v1"}
		two.Ldflags = one.Ldflags
		results, err := newCompiler(t, dir).Build(t.Context(), []Target{two, one})
		if err != nil {
			t.Fatal(err)
		}
		if got := results[1].Digest.Hex; got != want {
			t.Errorf("built together with another it is %s, not %s", got, want)
		}
	})

	// These changes show that the comparisons above can fail.
	for name, change := range map[string]func(*Target){
		"but on the target's ldflags":   func(x *Target) { x.Ldflags = []string{"-X main.version=v2"} },
		"but on the target's processor": func(x *Target) { x.Env = map[string]string{"GOAMD64": "v3"} },
		"but on the platform's variant": func(x *Target) { x.Platform.Variant = "v2" },
		"but on the target's flags":     func(x *Target) { x.Flags = []string{"-buildmode=pie"} },
		"but on the target's GOFLAGS":   func(x *Target) { x.Env = map[string]string{"GOFLAGS": "-buildmode=pie"} },
	} {
		t.Run(name, func(t *testing.T) {
			if got := digestOf(t, change); got == want {
				t.Errorf("it made the same %s", got)
			}
		})
	}
}

func TestModulesAreFetchedAsTheCallerSays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("# by hand\nGOPRIVATE=written.example\nGOPROXY=https://written.example\nGOFLAGS=-race\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	env := inherit([]string{"GOENV=" + file, "GOPROXY=https://set.example", "https_proxy=http://proxy.example", "GOFLAGS=-race", "CC=clang", "GOSUMDB="})
	for name, want := range map[string]string{
		"GOPRIVATE": "written.example",     // from go env -w
		"GOPROXY":   "https://set.example", // the environment takes precedence
		"GOENV":     "off",
		"GOFLAGS":   "",
		"CC":        "",
	} {
		if env[name] != want {
			t.Errorf("go gets %s=%q, want %q", name, env[name], want)
		}
	}
	if env["https_proxy"]+env["HTTPS_PROXY"] != "http://proxy.example" {
		t.Errorf("go does not get the proxy: %v", env)
	}
}

// A helper of go's build cache gets what it needs to reach shared caches, and nothing else gets it.
func TestTheHelperOfTheBuildCacheGetsItsVariables(t *testing.T) {
	caller := []string{"GOENV=off", "SLIPWAY_CACHE_FROM=type=s3,bucket=b", "SLIPWAY_CACHE_KEY=env://CACHE_KEY", "CACHE_KEY=pem", "AWS_ACCESS_KEY_ID=id", "GITHUB_TOKEN=secret"}
	if env := inherit(caller); len(env) != 1 {
		t.Errorf("without GOCACHEPROG, go inherits %v", env)
	}
	env := inherit(append(caller, "GOCACHEPROG=slipway cache go"))
	for name, want := range map[string]string{"GOCACHEPROG": "slipway cache go", "SLIPWAY_CACHE_FROM": "type=s3,bucket=b", "SLIPWAY_CACHE_KEY": "env://CACHE_KEY", "CACHE_KEY": "pem", "AWS_ACCESS_KEY_ID": "id", "GITHUB_TOKEN": ""} {
		if env[name] != want {
			t.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
}
