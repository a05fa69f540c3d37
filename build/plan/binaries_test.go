package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// debuggable is a binary with the options of RKE2's. GODEBUG and GOCOVER in the environment change the build.
const debuggable = `
-- slipway.yaml --
project: p
platforms: [linux/amd64, windows/amd64]
vars: {GODEBUG: "", GOCOVER: "", TAGS: ""}
binaries:
  - name: p
    package: .
    tags: ["netgo osusergo,${TAGS}", {value: selinux, when: 'OS == "linux"'}, {value: cover, when: GOCOVER}]
    ldflags: [{value: -w, when: "!GODEBUG"}, "-X main.arch=${ARCH}"]
    gcflags: [{value: all=-N -l, when: GODEBUG}]
    flags: [{value: -cover, when: GOCOVER}]
    buildmode: pie
    goexperiment: [{value: boringcrypto, when: 'OS == "linux"'}]
    env: {CGO_ENABLED: 1, CGO_CFLAGS: -DX=1}
    overrides:
      windows/amd64: {buildmode: exe, env: {CC: x86_64-w64-mingw32-gcc, CXX: x86_64-w64-mingw32-g++}}
-- go.mod --
module example.com/p
`

func TestOptionsOfEachPlatform(t *testing.T) {
	type options struct {
		Tags, Ldflags, Flags []string
		Env                  map[string]string
	}
	linux := map[string]string{"CGO_ENABLED": "1", "CGO_CFLAGS": "-DX=1", "GOEXPERIMENT": "boringcrypto"}
	windows := map[string]string{"CGO_ENABLED": "1", "CGO_CFLAGS": "-DX=1", "CC": "x86_64-w64-mingw32-gcc", "CXX": "x86_64-w64-mingw32-g++"}
	for _, c := range []struct {
		name string
		env  map[string]string
		want []options
	}{
		{"a release", nil, []options{
			{[]string{"netgo", "osusergo", "selinux"}, []string{"-w", "-X main.arch=amd64"}, []string{"-buildmode=pie"}, linux},
			{[]string{"netgo", "osusergo"}, []string{"-w", "-X main.arch=amd64"}, []string{"-buildmode=exe"}, windows},
		}},
		{"for a debugger", map[string]string{"GODEBUG": "1"}, []options{
			{[]string{"netgo", "osusergo", "selinux"}, []string{"-X main.arch=amd64"}, []string{"-buildmode=pie", "-gcflags=all=-N -l"}, linux},
			{[]string{"netgo", "osusergo"}, []string{"-X main.arch=amd64"}, []string{"-buildmode=exe", "-gcflags=all=-N -l"}, windows},
		}},
		{"for coverage", map[string]string{"GOCOVER": "1"}, []options{
			{[]string{"netgo", "osusergo", "selinux", "cover"}, []string{"-w", "-X main.arch=amd64"}, []string{"-buildmode=pie", "-cover"}, linux},
			{[]string{"netgo", "osusergo", "cover"}, []string{"-w", "-X main.arch=amd64"}, []string{"-buildmode=exe", "-cover"}, windows},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, err := New(projectOf(t, txtar.Parse([]byte(debuggable)), c.env), Filter{})
			if err != nil {
				t.Fatal(err)
			}
			var got []options
			for _, b := range plan.Binaries {
				got = append(got, options{b.Tags, b.Ldflags, b.Flags, b.Env})
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}
