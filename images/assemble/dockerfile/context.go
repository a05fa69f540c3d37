package dockerfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/slipway-build/slipway/images"
)

// A Context is the folder or image with which --build-context replaces a stage, a base,
// or a source of COPY --from.
type Context struct {
	Name string
	// Dir is the folder; empty if the context is an image.
	Dir string
	// Ref is the image's reference, as an images.Source accepts it, or "scratch".
	Ref string
}

// ContextFor returns the named context that replaces stageOrImage on a platform, or
// nil. NAME::PLATFORM takes precedence over NAME. All spellings of a reference are
// equal: alpine and docker.io/library/alpine:latest.
func (g *Graph) ContextFor(stageOrImage string, platform v1.Platform) (*Context, error) {
	if strings.EqualFold(stageOrImage, Scratch) || strings.EqualFold(stageOrImage, "context") {
		return nil, nil
	}
	wanted := contextName(stageOrImage)
	for _, suffix := range []string{"::" + images.ContainerdPlatform(platform), "::" + images.FormatPlatform(platform), ""} {
		for _, key := range slices.Sorted(maps.Keys(g.Options.Contexts)) {
			base, rest, has := strings.Cut(key, "::")
			if has {
				rest = "::" + rest
			}
			if rest == suffix && contextName(base) == wanted {
				return parseContext(key, g.Options.Contexts[key])
			}
		}
	}
	return nil, nil
}

// contextName returns the shortest spelling of a reference, without :latest.
func contextName(s string) string {
	ref, err := images.ParseReference(s)
	if err != nil {
		return s
	}
	return strings.TrimSuffix(images.Familiar(ref), ":latest")
}

func parseContext(key, value string) (*Context, error) {
	c := &Context{Name: key}
	scheme, rest, ok := strings.Cut(value, "://")
	switch {
	case value == "":
		return nil, fmt.Errorf("build context %s: want a folder, docker-image://REFERENCE or oci-layout://FOLDER", key)
	case strings.HasPrefix(value, "git@"), strings.HasPrefix(value, "target:"), strings.HasPrefix(value, "input:"):
		return nil, fmt.Errorf("build context %s=%s: the embedded builder accepts a folder, docker-image://REFERENCE or oci-layout://FOLDER; %s", key, value, OtherBuilders)
	case !ok:
		c.Dir = value
	case scheme == "docker-image":
		c.Ref = rest
	case scheme == "oci-layout":
		c.Ref = value
	default:
		return nil, fmt.Errorf("build context %s=%s: the embedded builder accepts a folder, docker-image://REFERENCE or oci-layout://FOLDER; %s", key, value, OtherBuilders)
	}
	return c, nil
}
