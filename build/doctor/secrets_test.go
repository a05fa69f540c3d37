package doctor

import "testing"

// The arm64 job of an RKE2 release had no secrets. The build went on without them.
func TestSecretsThatOneArchitectureHasLost(t *testing.T) {
	p := newProject(t, `images:
  - name: app
    builder: buildkit
    secrets: ["id=token,env=TOKEN"]
    variants:
      - {platforms: [linux/amd64], dockerfile: Dockerfile}
      - {platforms: [linux/arm64], dockerfile: Dockerfile.arm64}
`)
	p.write("Dockerfile", "FROM scratch\nRUN --mount=type=secret,id=token cmd\n")
	p.write("Dockerfile.arm64", "FROM scratch\nRUN cmd\nRUN --mount=type=secret,id=other,required cmd\nRUN --mount=type=secret,target=/run/third cmd\n")
	r := p.examine()
	p.wants(r, Error, "secrets", "slipway.yaml:4:5: image app for linux/arm64", "TOKEN is not set")
	p.wants(r, Warning, "secrets", "slipway.yaml:4:5: image app mounts the secret token for linux/amd64, but not for linux/arm64")
	p.wants(r, Error, "secrets", "Dockerfile.arm64:3: the secret other is mounted for linux/arm64, and image app does not pass it: the command needs it", "add id=other,env=VARIABLE")
	p.wants(r, Warning, "secrets", "Dockerfile.arm64:4: the secret third is mounted", "the command runs without it")
	p.env["TOKEN"] = "x"
	p.write("Dockerfile.arm64", "FROM scratch\nRUN --mount=type=secret,id=token cmd\n")
	p.wantsNone(p.examine(), "secrets")
}
