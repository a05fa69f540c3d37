package assemble_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
)

// inMemory is a LayerStore without a cache.
type inMemory struct{}

func (inMemory) Layer(_ context.Context, _ string, _ images.Compression, write func(io.Writer) error) (v1.Layer, error) {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return nil, err
	}
	return static.NewLayer(b.Bytes(), types.OCIUncompressedLayer), nil
}

func (inMemory) FileDigest(_ context.Context, path string, _ fs.FileInfo) (v1.Hash, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return v1.Hash{}, err
	}
	sum := sha256.Sum256(data)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}, nil
}

// project writes files to a new folder, and returns the build of its Dockerfile with the folder
// context.
func project(t testing.TB, files map[string]string) images.BuildContext {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "context"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return images.BuildContext{
		Dir: filepath.Join(dir, "context"), Dockerfile: filepath.Join(dir, "Dockerfile"),
		Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Epoch: time.Unix(1700000000, 0).UTC(),
	}
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
