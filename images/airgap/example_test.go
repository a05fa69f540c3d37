package airgap_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
)

// Find opens the first of several archives that has the image, without reading a layer.
func ExampleFind() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	path, err := airgaptest.WriteExample(ctx, dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	found, err := airgap.Find(ctx, name.MustParseReference("acme/app:v1"), &v1.Platform{OS: "linux", Architecture: "amd64"}, []string{path})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer found.Close()
	fmt.Println(filepath.Base(found.Archive.Path()), found.Image.Names)
	// Output: images.tar.zst [docker.io/acme/app:v1]
}
