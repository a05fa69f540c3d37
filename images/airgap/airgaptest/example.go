package airgaptest

import (
	"context"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/store"
)

// WriteExample writes an archive with the image acme/app:v1 for linux/amd64 into dir, and returns its path. It is for
// Example functions, which have no testing.TB.
func WriteExample(ctx context.Context, dir string) (string, error) {
	content, err := store.Open(filepath.Join(dir, "store"))
	if err != nil {
		return "", err
	}
	defer content.Close()
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64"})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "images.tar.zst")
	_, err = pack.Write(ctx, content, []pack.Image{{Names: []name.Reference{name.MustParseReference("acme/app:v1")}, Image: image}},
		[]pack.Output{{Path: path}}, pack.Options{})
	return path, err
}
