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
`
	g, err := Read(&buildfile.Dockerfile{Path: "Dockerfile", Data: []byte(content)},
		ReadOptions{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, BuildPlatform: v1.Platform{OS: "linux", Architecture: "amd64"}, Warn: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	downloads, secrets, err := g.Needs()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(downloads), "[{https://example.com/x false 5} {https://example.com/y true 6} {https://example.com/z.git false 7}]"; got != want {
		t.Errorf("downloads: %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(secrets), "[{token false 8} {file true 9}]"; got != want {
		t.Errorf("secrets: %s, want %s", got, want)
	}
}
