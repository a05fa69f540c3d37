package assemble_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/images/store"
)

// Make an image from a Dockerfile without a daemon.
func ExampleAssembler_Assemble() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	dockerfile := filepath.Join(dir, "Dockerfile")
	_ = os.WriteFile(dockerfile, []byte("FROM scratch\nCOPY hello.txt /\nENTRYPOINT [\"/app\"]\n"), 0o644)
	_ = os.WriteFile(filepath.Join(dir, "hello.txt"), []byte("hello\n"), 0o644)

	content, err := store.Open(filepath.Join(dir, "store"))
	if err != nil {
		fmt.Println(err)
		return
	}
	image, err := assemble.New(assemble.Options{Layers: content}).Assemble(context.Background(), images.BuildContext{
		Dir: dir, Dockerfile: dockerfile, Platform: v1.Platform{OS: "linux", Architecture: "arm64"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	config, err := image.ConfigFile()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(config.OS, config.Architecture, config.Config.Entrypoint, len(config.RootFS.DiffIDs), "layer")
	// Output: linux arm64 [/app] 1 layer
}
