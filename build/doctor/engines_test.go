package doctor

import (
	"path/filepath"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

func builtBy(t *testing.T, builder, dockerfile string) *project {
	p := newProject(t, "images: [{name: app, builder: "+builder+", variants: [{platforms: [linux/amd64], dockerfile: Dockerfile}]}]\n")
	p.write("Dockerfile", dockerfile)
	return p
}

func TestAnEngineThatDoesNotAnswer(t *testing.T) {
	p := builtBy(t, "buildkit", "FROM scratch\nCOPY Dockerfile /\n")
	p.options.BuildkitHost = "tcp://127.0.0.1:1"
	p.wantsOnly(p.examine(), Error, "engines", "slipway.yaml:3:10: connecting to BuildKit at tcp://127.0.0.1:1: ", "set BUILDKIT_HOST")
}

func TestAnEngineThatIsTooOld(t *testing.T) {
	address := imagetest.Docker(t)
	p := builtBy(t, "docker", "FROM scratch\nCOPY Dockerfile /\n")
	p.options.DockerHost = address
	p.wantsNone(p.examine(), "engines")
	p.write("Dockerfile", "FROM scratch\nCOPY --parents --chmod=u+x Dockerfile /\n")
	r := p.examine()
	if len(r.about("engines")) == 0 {
		t.Skip("this engine supports all features")
	}
	p.wants(r, Error, "engines", "Dockerfile:2: for --exclude and --parents, BuildKit 0.9 or Docker Engine 23.0 is needed, and the engine is Docker Engine ")
	p.wants(r, Error, "engines", "for a symbolic --chmod, BuildKit 0.17")
}

func TestAnEngineWithoutAPlatform(t *testing.T) {
	p := newProject(t, "images: [{name: app, builder: buildkit, variants: [{platforms: [linux/s390x], dockerfile: Dockerfile}]}]\n")
	p.write("slipway.yaml", "project: acme\nplatforms: [linux/s390x]\nimages: [{name: app, builder: buildkit, variants: [{platforms: [linux/s390x], dockerfile: Dockerfile}]}]\n")
	p.options.BuildkitHost = imagetest.Buildkit(t)
	p.write("Dockerfile", "FROM scratch\nRUN cmd\n")
	p.wantsOnly(p.examine(), Error, "engines", "slipway.yaml:3:10: BuildKit ", "does not run programs for linux/s390x, and image app has RUN")
	p.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
	p.wantsNone(p.examine(), "engines")
}

func TestASharedCacheThatCannotBeReached(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	p := newProject(t, "cache: {from: [\"type=local,src="+dir+"\", \"type=registry,ref=127.0.0.1:1/cache\"]}\n")
	p.wantsOnly(p.examine(), Warning, "caches", "shared cache: ", "127.0.0.1:1", "the release is made without it")
}
