package engine

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// An Answer is what an engine says about itself.
type Answer struct {
	// Version is BuildKit's version, such as v0.32. It is empty if the engine does not say it.
	Version string
	// Docker is the version of a Docker Engine, such as 28.3.2. It is empty for a buildkitd.
	Docker string
	// Platforms are those whose programs the engine can run.
	Platforms []v1.Platform
}

// Examine connects to the engine, and builds nothing.
func (b *Builder) Examine(ctx context.Context) (*Answer, error) {
	conn, err := b.connect(ctx, b.options)
	if err != nil {
		return nil, err
	}
	defer conn.close()
	answer := &Answer{Version: conn.version, Docker: conn.dockerVersion}
	for _, worker := range conn.workers {
		for _, p := range worker.Platforms {
			answer.Platforms = append(answer.Platforms, v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, OSVersion: p.OSVersion})
		}
	}
	return answer, nil
}
