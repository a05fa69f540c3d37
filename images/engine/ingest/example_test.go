package ingest_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/engine/ingest"
	"github.com/slipway-build/slipway/images/store"
)

// Convert a layer that an engine sends. The times of the build do not remain in it.
func ExampleLayers() {
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
	defer content.Close()
	var sent bytes.Buffer
	w := tar.NewWriter(&sent)
	_ = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "a.txt", Mode: 0o644, ModTime: time.Now(), Uname: "builder"})
	_ = w.Close()
	digest, _, _ := v1.SHA256(bytes.NewReader(sent.Bytes()))

	layers := &ingest.Layers{Store: content, Epoch: time.Unix(1_700_000_000, 0)}
	if _, err := layers.Add(context.Background(), digest.String(), &sent, func() v1.Hash { return digest }); err != nil {
		fmt.Println(err)
		return
	}
	layer, _ := layers.Made(digest)
	plain, err := layer.Uncompressed()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer plain.Close()
	header, err := tar.NewReader(plain).Next()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %d %q\n", header.Name, header.ModTime.Unix(), header.Uname)
	// Output: a.txt 0 ""
}
