package delta_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/images/airgap/delta"
)

// Write the delta of two releases, and apply it to the first one.
func ExampleApply() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := func(name string) string { return filepath.Join(dir, name) }
	common := bytes.Repeat([]byte("content of both releases\n"), 100_000)
	_ = os.WriteFile(path("v1.tar"), append([]byte("v1\n"), common...), 0o644)
	_ = os.WriteFile(path("v2.tar"), append([]byte("v2\n"), common...), 0o644)

	ctx := context.Background()
	if _, err := delta.Write(ctx, delta.Olds{Files: []string{path("v1.tar")}}, path("v2.tar"), path("v2.delta"), delta.Options{}); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := delta.Apply(ctx, delta.Olds{Files: []string{path("v1.tar")}}, path("v2.delta"), path("made.tar"), 0); err != nil {
		fmt.Println(err)
		return
	}
	made, _ := os.ReadFile(path("made.tar"))
	wanted, _ := os.ReadFile(path("v2.tar"))
	info, _ := os.Stat(path("v2.delta"))
	fmt.Println(bytes.Equal(made, wanted), info.Size() < 100_000)
	// Output: true true
}
