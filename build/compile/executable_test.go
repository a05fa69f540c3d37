package compile

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// withCrypto is a program that uses cryptography.
const withCrypto = `
-- go.mod --
module example.com/crypto

go 1.24
-- cmd/one/main.go --
package main

import (
	"crypto/sha256"
	"os"
)

func main() { sum := sha256.Sum256([]byte(os.Args[0])); println(sum[0]) }
`

func TestAssertions(t *testing.T) {
	off := "-- cmd/one/off.go --\n//go:debug fips140=off\npackage main\n"
	for _, c := range []struct {
		name     string
		platform string
		module   string
		env      map[string]string
		ldflags  []string
		flags    []string
		assert   string
		want     string // part of the error; "" means no error
		cc       string // name of a required program
	}{
		{name: "pure Go is static", platform: "linux/amd64", module: twoPrograms, assert: "static"},
		{name: "pure Go for Windows is static", platform: "windows/amd64", module: twoPrograms, assert: "static"},
		{name: "C is not static", platform: "linux/amd64", module: withC, cc: "gcc",
			env: map[string]string{"CGO_ENABLED": "1", "CC": "gcc"}, assert: "static",
			want: "assert static: it is started by /lib64/ld-linux-x86-64.so.2 and needs libc.so.6; set CGO_ENABLED"},
		{name: "C for Windows that wants mingw's libraries", platform: "windows/amd64", cc: "x86_64-w64-mingw32-gcc",
			module: withC + "-- cmd/one/threads.go --\npackage main\n\n// #cgo LDFLAGS: -lpthread\n// #include <pthread.h>\nimport \"C\"\n\nvar Self = C.pthread_self()\n",
			env:    map[string]string{"CGO_ENABLED": "1", "CC": "x86_64-w64-mingw32-gcc"},
			assert: "static", want: "it needs libwinpthread-1.dll, which Windows does not have"},
		{name: "a macOS program is linked to its system", platform: "darwin/arm64", module: twoPrograms, assert: "static",
			want: "this cannot be checked for Mach-O"},
		{name: "PIE when asked for", platform: "linux/amd64", module: twoPrograms,
			flags: []string{"-buildmode=pie", "-gcflags=-N -l"}, assert: "pie"},
		{name: "no PIE by itself", platform: "linux/amd64", module: twoPrograms, assert: "pie",
			want: "assert pie: it can only be loaded at a fixed address; set buildmode: pie"},
		{name: "Windows programs are PIE", platform: "windows/amd64", module: twoPrograms, assert: "pie"},
		{name: "unless told otherwise", platform: "windows/amd64", module: twoPrograms,
			env: map[string]string{"GOFLAGS": "-buildmode=exe"}, assert: "pie", want: "it can only be loaded at a fixed address"},
		{name: "the frozen FIPS module", platform: "linux/amd64", module: withCrypto,
			env: map[string]string{"GOFIPS140": "v1.0.0"}, ldflags: []string{"-s", "-w"}, assert: "fips"},
		{name: "the frozen FIPS module on Windows", platform: "windows/amd64", module: withCrypto,
			env: map[string]string{"GOFIPS140": "v1.0.0"}, assert: "fips"},
		{name: "the latest FIPS module", platform: "linux/amd64", module: withCrypto,
			env: map[string]string{"GOFIPS140": "latest"}, assert: "fips", want: "which is not validated"},
		{name: "no FIPS", platform: "linux/amd64", module: withCrypto, assert: "fips",
			want: "assert fips: it was built without validated cryptography"},
		{name: "FIPS turned off by the program", platform: "linux/amd64", module: withCrypto + off,
			env: map[string]string{"GOFIPS140": "v1.0.0"}, assert: "fips", want: "but does not enable it"},
		{name: "BoringCrypto, stripped", platform: "linux/amd64", module: withCrypto, cc: "gcc",
			env: map[string]string{"GOEXPERIMENT": "boringcrypto", "CGO_ENABLED": "1", "CC": "gcc"}, ldflags: []string{"-s", "-w"}, assert: "fips"},
		{name: "BoringCrypto that is left out without CGO", platform: "linux/amd64", module: withCrypto,
			env: map[string]string{"GOEXPERIMENT": "boringcrypto"}, assert: "fips", want: "BoringCrypto is not linked in"},
		{name: "small enough", platform: "linux/amd64", module: twoPrograms, assert: "max-size=20MiB"},
		{name: "too large", platform: "linux/amd64", module: twoPrograms, assert: "max-size=10 KB", want: "assert max-size=10 KB: its size of "},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.cc != "" {
				need(t, c.cc)
			}
			dir := module(t, c.module)
			x := target(t, dir, "one", c.platform)
			x.Env, x.Ldflags, x.Flags, x.Assert = c.env, c.ldflags, c.flags, []string{c.assert}
			_, err := newCompiler(t, dir).Build(t.Context(), []Target{x})
			if c.want == "" && err != nil {
				t.Fatal(err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error is %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestFailedAssertionsAreReportedTogether(t *testing.T) {
	dir := module(t, twoPrograms)
	x := target(t, dir, "one", "linux/amd64")
	x.Assert = []string{"max-size=1KiB", "static", "pie", "fips"}
	_, err := newCompiler(t, dir).Build(t.Context(), []Target{x})
	for _, want := range []string{"3 assertions failed", "max-size=1KiB: ", "pie: ", "fips: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %s in it", err, want)
		}
	}
}

func TestAProgramOfAnotherPlatformIsRefused(t *testing.T) {
	dir := module(t, twoPrograms)
	made := map[string]string{}
	var targets []Target
	for _, p := range []string{"linux/amd64", "linux/arm64", "windows/amd64", "darwin/arm64"} {
		x := target(t, dir, "one", p)
		made[p] = x.Output
		targets = append(targets, x)
	}
	if _, err := newCompiler(t, dir).Build(t.Context(), targets); err != nil {
		t.Fatal(err)
	}
	for is, path := range made {
		for wanted := range made {
			err := inspect(path, &job{Target: Target{Platform: platform(t, wanted)}})
			if (err == nil) != (is == wanted) {
				t.Errorf("a program for %s, wanted for %s: %v", is, wanted, err)
			}
		}
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\nexit 0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"linux/amd64", "windows/amd64"} {
		err := inspect(text, &job{Target: Target{Platform: platform(t, p)}})
		if want := `is not for ` + p + ` but a file that begins with "#!/b"`; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}

func TestContainsFindsTextAcrossReads(t *testing.T) {
	data := append(bytes.Repeat([]byte("x"), 70<<10), []byte(boringSymbol)...)
	for name, c := range map[string]struct {
		data []byte
		want bool
	}{
		"at the end":    {data, true},
		"cut short":     {data[:len(data)-1], false},
		"at the start":  {[]byte(boringSymbol + "x"), true},
		"nothing there": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := contains(iotest.HalfReader(iotest.OneByteReader(bytes.NewReader(c.data))), []byte(boringSymbol))
			if err != nil || got != c.want {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
			if got, err := contains(bytes.NewReader(c.data), []byte(boringSymbol)); err != nil || got != c.want {
				t.Errorf("in large reads: got %v, %v, want %v", got, err, c.want)
			}
		})
	}
}
