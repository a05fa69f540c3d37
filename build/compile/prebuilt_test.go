package compile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/testfile"
)

// TestPrebuilt uses this test program, and files that are not programs, as prebuilt binaries.
func TestPrebuilt(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	here, err := images.ParsePlatform(host)
	if err != nil {
		t.Fatal(err)
	}
	other, err := images.ParsePlatform("linux/s390x")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	testfile.Write(t, text, "#!/bin/sh\n")
	output := filepath.Join(dir, "dist", "tool")
	target := Target{Name: "tool", Platform: here, Output: output, Assert: []string{"max-size=1GB"}}
	for n, cached := range []bool{false, true} {
		target.Prebuilt = self
		results, err := New(Options{}).Build(t.Context(), []Target{target})
		if err != nil || results[0].Cached != cached {
			t.Fatalf("time %d: %+v, %v", n, results, err)
		}
		result := results[0]
		if digest, size, err := hashFile(output); err != nil || digest != result.Digest || size != result.Size {
			t.Errorf("time %d: the output is %s, %d bytes, %v; want %+v", n, digest, size, err, result)
		}
	}
	for _, c := range []struct {
		name, source, want string
		target             Target
	}{
		{"the wrong machine", self, "the binary is not for linux/s390x but", Target{Platform: other}},
		{"a script", text, `but a file that begins with "#!/b"`, Target{Platform: here}},
		{"an assertion", self, "assert max-size=1KB: its size of", Target{Platform: here, Assert: []string{"max-size=1KB"}}},
		{"nothing", filepath.Join(dir, "none"), "missing prebuilt binary ", Target{Platform: here}},
		{"a folder", dir, "", Target{Platform: here}},
	} {
		c.target.Name, c.target.Output, c.target.Prebuilt, c.target.At = "tool", output, c.source, "slipway.yaml:6:5"
		if _, err := New(Options{}).Build(t.Context(), []Target{c.target}); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "slipway.yaml:6:5: tool ") {
			t.Errorf("%s: got %v", c.name, err)
		} else if strings.Contains(err.Error(), "CC") {
			t.Errorf("%s: the error has advice for compilers: %v", c.name, err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(output))
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, %v; want only the binary", entries, err)
	}
}
