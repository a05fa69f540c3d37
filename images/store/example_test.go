package store_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
)

// Make the layer of a key. Later calls, also in other processes, return the same file.
func ExampleStore_Layer() {
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
	for range 2 {
		layer, err := content.Layer(context.Background(), "a key of all inputs", images.Compression{}, func(w io.Writer) error {
			fmt.Println("writing")
			_, err := io.Copy(w, strings.NewReader("a tar"))
			return err
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		diffID, err := layer.DiffID()
		fmt.Println(diffID.Hex[:12], err)
	}
	// Output:
	// writing
	// b3c5732cece4 <nil>
	// b3c5732cece4 <nil>
}
