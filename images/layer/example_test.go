package layer_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"

	"github.com/slipway-build/slipway/images/layer"
)

// Describe a layer, which sorts and checks its entries. It can then be written any number of times.
func ExampleDescribe() {
	hello := text("hello\n")
	archive, err := layer.Describe(layer.Plain, []layer.Entry{
		{Path: "etc/motd", Type: tar.TypeReg, Mode: 0o644, Size: int64(len(hello)), Content: hello},
		{Path: "etc", Type: tar.TypeDir, Mode: 0o755},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var b bytes.Buffer
	if err := archive.Write(context.Background(), &b); err != nil {
		fmt.Println(err)
		return
	}
	for r := tar.NewReader(&b); ; {
		header, err := r.Next()
		if err != nil {
			break
		}
		fmt.Println(header.Name, header.FileInfo().Mode(), header.ModTime.Unix())
	}
	// Output:
	// etc/ drwxr-xr-x 0
	// etc/motd -rw-r--r-- 0
}
