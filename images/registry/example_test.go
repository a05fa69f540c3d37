package registry_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	server "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/images/registry"
	"github.com/slipway-build/slipway/images/store"
)

// Push an image, and resolve its tag.
func ExampleClient_Push() {
	http := httptest.NewServer(server.New(server.Logger(log.New(io.Discard, "", 0))))
	defer http.Close()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	content, err := store.Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64"})
	if err != nil {
		fmt.Println(err)
		return
	}
	tag, err := name.NewTag(strings.TrimPrefix(http.URL, "http://") + "/acme/app:v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	client := registry.New(registry.Options{Store: content})
	pushed, err := client.Push(context.Background(), tag, image)
	if err != nil {
		fmt.Println(err)
		return
	}
	found, err := client.Resolve(context.Background(), tag)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(found.Descriptor.Digest == pushed.Digest)
	// Output: true
}
