package verify_test

import (
	"context"
	"fmt"
	"os"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/verify"
)

// Verify an archive. The report counts its content, and lists its problems.
func ExampleArchive() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	path, err := airgaptest.WriteExample(ctx, dir)
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
