package fstree_test

import (
	"archive/tar"
	"fmt"

	"github.com/slipway-build/slipway/images/fstree"
	"github.com/slipway-build/slipway/images/layer"
)

// Hide a file of the lower layer with a whiteout in the upper one.
func ExampleStack() {
	lower := []fstree.Header{
		{Name: "bin/", Type: tar.TypeDir, Mode: 0o755},
		{Name: "bin/old", Type: tar.TypeReg, Mode: 0o755},
		{Name: "sbin", Type: tar.TypeSymlink, Link: "bin"},
	}
	upper := []fstree.Header{
		{Name: "bin/.wh.old", Type: tar.TypeReg},
		{Name: "bin/new", Type: tar.TypeReg, Mode: 0o755},
	}
	stack := fstree.NewStack()
	for i, headers := range [][]fstree.Header{lower, upper} {
		if err := stack.Add(&fstree.Archive{ID: fmt.Sprint("layer ", i)}, headers, layer.Plain); err != nil {
			fmt.Println(err)
			return
		}
	}
	place, err := fstree.Resolve(stack.Root, "/sbin", true)
	if err != nil {
		fmt.Println(err)
		return
	}
	names, err := place.Node.Names()
	fmt.Println(place.Path, names, err)
	// Output: /bin [new] <nil>
}
