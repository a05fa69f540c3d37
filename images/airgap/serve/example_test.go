package serve_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/serve"
)

// Serve an archive, and pull an image from the server as from any registry.
func ExampleNew() {
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
	archive, err := airgap.Open(ctx, path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer archive.Close()
	server, err := serve.New(ctx, []*airgap.Archive{archive}, serve.Options{Dir: dir, Log: func(string) {}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	http := httptest.NewServer(server)
	defer http.Close()
	ref, err := name.ParseReference(strings.TrimPrefix(http.URL, "http://") + "/acme/app:v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	image, err := remote.Image(ref)
	if err != nil {
		fmt.Println(err)
		return
	}
	config, err := image.ConfigFile()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(config.OS, config.Architecture)
	// Output: linux amd64
}
