package images_test

import (
	"fmt"

	"github.com/slipway-build/slipway/images"
)

// Nodes look up an image by its qualified name; people write the familiar one.
func ExampleQualified() {
	ref, err := images.ParseReference("busybox:1")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(images.Qualified(ref))
	fmt.Println(images.Familiar(ref))
	// Output:
	// docker.io/library/busybox:1
	// busybox:1
}
