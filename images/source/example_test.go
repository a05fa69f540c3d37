package source_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/images/engine/docker"
	"github.com/slipway-build/slipway/images/registry"
	"github.com/slipway-build/slipway/images/source"
	"github.com/slipway-build/slipway/images/store"
)

// Find images in registries, layouts (oci:), archives (docker-archive:) and Docker Engine (docker-daemon:).
func ExampleResolver_Image() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	oci := filepath.Join(dir, "oci")
	written, err := layout.Write(oci, empty.Index)
	if err != nil {
		fmt.Println(err)
		return
	}
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "arm64"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := written.AppendImage(image); err != nil {
		fmt.Println(err)
		return
	}
	content, err := store.Open(filepath.Join(dir, "store"))
	if err != nil {
		fmt.Println(err)
		return
	}
	resolver := source.NewResolver(registry.New(registry.Options{Store: content}), content, docker.Options{})
	defer resolver.Close()
	found, err := resolver.Image(context.Background(), "oci:"+oci, v1.Platform{OS: "linux", Architecture: "arm64"})
	if err != nil {
		fmt.Println(err)
		return
	}
	config, err := found.ConfigFile()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(config.OS, config.Architecture)
	// Output: linux arm64
}
