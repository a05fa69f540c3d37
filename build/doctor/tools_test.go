package doctor

import (
	"runtime"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

func TestMissingTools(t *testing.T) {
	imagetest.Program(t, "go")
	p := newProject(t, `before:
  - {run: [no-such-program]}
  - {run: [tools/fetched/x]}
  - {run: [tools/made], inputs: [in], outputs: [out]}
fetch:
  - {url: "file:///none.tar", sha256: "0000000000000000000000000000000000000000000000000000000000000000", path: tools/fetched, unpack: true}
binaries:
  - {name: acme, package: ./cmd/acme}
  - {name: native, package: ./cmd/acme, platforms: [linux/arm64], env: {CGO_ENABLED: 1, CC: no-such-cc}}
sign: {key: none.key}
`)
	p.write("go.mod", "module example.com/acme\n\ngo 1.999\n")
	p.write("cmd/acme/main.go", "package main\n\nfunc main() {}\n")
	r := p.examine()
	p.wants(r, Error, "tools", "slipway.yaml:4:5: before[0]: program no-such-program not found")
	p.wants(r, Error, "tools", "slipway.yaml:6:5: before[2]: program tools/made not found")
	p.wants(r, Error, "tools", "slipway.yaml:11:5: native for linux/arm64", "the C compiler no-such-cc (CC in env) is not in PATH")
	p.wants(r, Error, "tools", "signing: ", "none.key")
	p.wants(r, Note, "tools", "go.mod:3: the module needs Go 1.999, and the go command in PATH is go1.", "go fetches the newer one")
	if n := len(r.about("tools")); n != 5 {
		t.Errorf("%d findings, want 5:\n%s", n, p.texts(r))
	}
	p.env["GOTOOLCHAIN"] = "local"
	p.wants(p.examine(), Error, "tools", "go.mod:3: the module needs Go 1.999", "install a newer one")
}

func TestProgramsThatConnectToEngines(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a PATH without ssh")
	}
	t.Setenv("PATH", t.TempDir())
	p := newProject(t, `images:
  - {name: app, builder: buildkit, variants: [{platforms: [linux/amd64, linux/arm64], dockerfile: Dockerfile}]}
builders: {linux/arm64: ["ssh://builder", "kube-pod://?selector=app=buildkit"], linux/amd64: "tcp://127.0.0.1:1"}
`)
	p.write("Dockerfile", "FROM scratch\n")
	r := p.examine()
	p.wants(r, Error, "tools", "slipway.yaml:4:5: ssh is not in PATH: it connects to the engine at ssh://builder: install it")
	p.wants(r, Error, "tools", "kubectl is not in PATH")
	delete(p.env, "TAG") // without which git is needed
	p.wants(p.examine(), Warning, "tools", "git is not in PATH")
}
