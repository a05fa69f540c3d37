package doctor

import (
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

const windowsImage = `windows: {ltsc2022: 10.0.20348.4294, ltsc2025: 10.0.26100.4652}
images:
  - name: app
    variants:
      - {platforms: [windows/amd64], windows: [ltsc2022], dockerfile: Dockerfile}
`

// windowsProject is newProject for one version of Windows, whose base has the given versions.
func windowsProject(t *testing.T, versions ...string) (p *project, base string) {
	p = newProject(t, windowsImage)
	p.write("slipway.yaml", "project: acme\nplatforms: [linux/amd64, windows/amd64]\n"+windowsImage)
	base = imagetest.Registry(t) + "/windows/nanoserver:ltsc2022"
	imagetest.Push(t, base, imagetest.WindowsBase(t, versions...))
	p.write("Dockerfile", "FROM "+base+"\n")
	return p, base
}

// Pinned revisions of Windows were gone a month after RKE2 had pinned them.
func TestAWindowsRevisionThatHasMoved(t *testing.T) {
	p, base := windowsProject(t, "10.0.20348.4529")
	p.wantsOnly(p.examine(), Error, "images", "Dockerfile:1: "+base+" is Windows 10.0.20348.4529, and the image is for 10.0.20348.4294", "set 10.0.20348.4529 under windows")
	p.write("Dockerfile", "FROM "+base+" AS tools\nFROM scratch\nCOPY --from=tools /Windows/version.txt /\n")
	p.wantsNone(p.examine(), "images")
}

// The archive of RKE2 for Windows Server 2025 had the image of 2022.
func TestABaseWithAnotherOSVersion(t *testing.T) {
	p, _ := windowsProject(t, "10.0.26100.4652")
	p.wantsOnly(p.examine(), Error, "images", "Dockerfile:1: windows/amd64:10.0.20348.4294: ", "10.0.26100.4652")
}

func TestAPlatformThatABaseDoesNotHave(t *testing.T) {
	registry := imagetest.Registry(t)
	imagetest.Push(t, registry+"/tools/base:1", imagetest.Index(t, imagetest.Image(t, "linux/amd64")))
	p := newProject(t, "images: [{name: app, variants: [{platforms: [linux/amd64, linux/arm64], dockerfile: Dockerfile}]}]\n")
	p.write("Dockerfile", "FROM "+registry+"/tools/base:1\n")
	r := p.examine()
	p.wantsOnly(r, Error, "images", "Dockerfile:1: linux/arm64: ", "linux/amd64")
	p.wantsOnly(r, Note, "disk", "the sizes of archives are unknown")
}

func TestALockedTagThatHasMoved(t *testing.T) {
	registry := imagetest.Registry(t)
	push := func(seed uint64) {
		imagetest.Push(t, registry+"/tools/base:1", imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, seed, 100)))
	}
	p := newProject(t, "images: [{name: app, variants: [{platforms: [linux/amd64], dockerfile: Dockerfile}]}]\n")
	p.write("Dockerfile", "FROM "+registry+"/tools/base:1\n")
	push(1)
	if _, err := p.open().Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	push(2)
	p.wantsOnly(p.examine(), Warning, "images", "slipway.lock:2: the tag "+registry+"/tools/base:1 now refers to sha256:", "slipway lock records it")
}
