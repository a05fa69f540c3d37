package engine_test

import (
	"context"
	"fmt"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/store"
)

// A builder sends a Dockerfile with RUN to buildkitd, and stores the layers that it gets. The example needs a daemon, so it
// is compiled but not run.
func ExampleBuildkit() {
	content, err := store.Open("cache")
	if err != nil {
		fmt.Println(err)
		return
	}
	builder := engine.Buildkit(engine.Options{Address: "unix:///run/buildkit/buildkitd.sock", Store: content})
	image, err := builder.Assemble(context.Background(), images.BuildContext{
		Dir: "app", Dockerfile: filepath.Join("app", "Dockerfile"), Platform: v1.Platform{OS: "linux", Architecture: "amd64"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	digest, err := image.Digest()
	fmt.Println(digest, err)
}
