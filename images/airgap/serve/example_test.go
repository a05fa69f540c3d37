package serve_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/serve"
	"github.com/slipway-build/slipway/images/store"
)

// writeArchive writes an archive with the image acme/app:v1, and returns its path.
func writeArchive(ctx context.Context, dir string) (string, error) {
	content, err := store.Open(filepath.Join(dir, "store"))
	if err != nil {
		return "", err
	}
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64"})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "images.tar.zst")
	_, err = pack.Write(ctx, content, []pack.Image{{Names: []name.Reference{name.MustParseReference("acme/app:v1")}, Image: image}},
		[]pack.Output{{Path: path}}, pack.Options{})
	return path, err
}

// A server is a registry of the images in archives, for any client.
func ExampleNew() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	path, err := writeArchive(ctx, dir)
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
