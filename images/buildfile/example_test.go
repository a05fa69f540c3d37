package buildfile_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/images/buildfile"
)

// Read the ignore file of a context. Its patterns exclude files from the images of every builder.
func ExampleReadIgnored() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	_ = os.WriteFile(filepath.Join(dir, ".dockerignore"), []byte("# build output\n/dist\n*.log\n!keep.log\n"), 0o644)
	ignored, err := buildfile.ReadIgnored(dir, filepath.Join(dir, "Dockerfile"), func(string) {})
	if err != nil {
		fmt.Println(err)
		return
	}
	matcher, err := ignored.Matcher()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, path := range []string{"dist", "build.log", "keep.log"} {
		excluded, err := matcher.MatchesOrParentMatches(path)
		fmt.Println(path, excluded, err)
	}
	// Output:
	// dist true <nil>
	// build.log true <nil>
	// keep.log false <nil>
}
