package dockerfile

import (
	"fmt"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/buildfile"
)

func TestNeeds(t *testing.T) {
	content := `FROM scratch AS other
RUN --mount=type=secret,id=unused cmd
FROM scratch
ARG ID
ADD https://example.com/x local /
ADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 https://example.com/y /
ADD https://example.com/z.git /
RUN --mount=type=secret,id=token --mount=type=cache,target=/x cmd
RUN --mount=type=secret,target=/run/file,required cmd
RUN --mount=type=secret,id=$ID cmd
COPY --parents --chmod=u+x a /
COPY --chmod=4755 a /
ADD --chmod=755 a /
`
	g, err := Read(&buildfile.Dockerfile{Path: "Dockerfile", Data: []byte(content)},
		ReadOptions{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, BuildPlatform: v1.Platform{OS: "linux", Architecture: "amd64"}, Warn: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	needs, err := g.Needs()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(needs.Downloads), "[{https://example.com/x false 5} {https://example.com/y true 6} {https://example.com/z.git false 7}]"; got != want {
		t.Errorf("downloads: %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(needs.Secrets), "[{token false 8} {file true 9}]"; got != want {
		t.Errorf("secrets: %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(needs.Demands), "[{--exclude and --parents v0.9 v23.0 11} {a symbolic --chmod v0.17 v27.4 11} {--chmod of setuid, setgid or sticky bits v0.13 v26.0 12}]"; got != want {
		t.Errorf("demands: %s, want %s", got, want)
	}
}

func TestProgramsOfThePlatform(t *testing.T) {
	for content, want := range map[string]bool{
		"FROM scratch\nRUN cmd\n":  true,
		"FROM scratch\nCOPY a /\n": false,
		"FROM --platform=$BUILDPLATFORM scratch AS a\nFROM a AS b\nRUN cmd\nFROM scratch\nCOPY --from=b / /\n": false,
	} {
		g, err := Read(&buildfile.Dockerfile{Path: "Dockerfile", Data: []byte(content)},
			ReadOptions{Platform: v1.Platform{OS: "linux", Architecture: "arm64"}, BuildPlatform: v1.Platform{OS: "linux", Architecture: "amd64"}, Warn: func(string) {}})
		if err != nil {
			t.Fatal(err)
		}
		needs, err := g.Needs()
		if err != nil || needs.Runs != want {
			t.Errorf("%q: %v, %v, want %v", content, needs, err, want)
		}
	}
}
