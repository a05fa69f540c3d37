package pack_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/store"
)

// Write an archive in which a node finds an image by its name.
func ExampleWrite() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	content, err := store.Open(filepath.Join(dir, "store"))
	if err != nil {
		fmt.Println(err)
		return
	}
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, ref := context.Background(), name.MustParseReference("acme/app:v1")
	path := filepath.Join(dir, "images.tar.zst")
	if _, err := pack.Write(ctx, content, []pack.Image{{Names: []name.Reference{ref}, Image: image}},
		[]pack.Output{{Path: path}}, pack.Options{}); err != nil {
		fmt.Println(err)
		return
	}
	found, err := airgap.Find(ctx, ref, nil, []string{path})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer found.Close()
	fmt.Println(found.Image.Names, found.Image.Platform.OS)
	// Output: [docker.io/acme/app:v1] linux
}
