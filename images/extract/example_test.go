package extract_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/slipway-build/slipway/images/extract"
)

// Extract a folder of an image. It appears on disk complete or not at all.
func ExampleFolders() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Name: "bin/tool", Typeflag: tar.TypeReg, Mode: 0o755, Size: 5})
	_, _ = io.WriteString(w, "tool\n")
	_ = w.Close()
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		fmt.Println(err)
		return
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		fmt.Println(err)
		return
	}
	dest := filepath.Join(dir, "bin")
	files, err := extract.Folders(context.Background(),
		extract.Source{Name: "acme/app:v1", Image: image, Platform: v1.Platform{OS: "linux", Architecture: "amd64"}},
		[]extract.Folder{{Path: "/bin", Dest: dest}}, extract.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	content, err := os.ReadFile(filepath.Join(dest, "tool"))
	fmt.Printf("%d file: %s%v\n", files, content, err)
	// Output:
	// 1 file: tool
	// <nil>
}
