package verify_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/verify"
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

// A report lists the problems of an archive. An image that a list names and the archive lacks is one.
func ExampleArchive() {
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
	report, err := verify.Archive(ctx, path, verify.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Codec, report.Images, "image", len(report.Problems), "problems")
	// Output: tar.zst 1 image 0 problems
}
