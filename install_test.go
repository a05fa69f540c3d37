package slipway_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// writeInstallable writes the files of a release that install.sh needs, and returns their folder.
func writeInstallable(t *testing.T, says string) (dir, binary string) {
	t.Helper()
	dir, binary = t.TempDir(), "slipway.linux-"+runtime.GOARCH
	program := "#!/bin/sh\necho " + says + "\n"
	sums := fmt.Sprintf("%x  other\n%x  %s\n", sha256.Sum256(nil), sha256.Sum256([]byte(program)), binary)
	for name, content := range map[string]string{binary: program, "sha256sum-" + runtime.GOARCH + ".txt": sums} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, binary
}

func TestInstallScript(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("install.sh is for Linux on amd64 and arm64")
	}
	install := func(env ...string) (string, error) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "sh", "scripts/install.sh")
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()}, env...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	artifacts, binary := writeInstallable(t, "one")
	server := httptest.NewServer(http.StripPrefix("/download/v1.2.3/", http.FileServer(http.Dir(artifacts))))
	defer server.Close()
	damaged, _ := writeInstallable(t, "two")
	if err := os.WriteFile(filepath.Join(damaged, binary), []byte("#!/bin/sh\necho evil\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	dest := filepath.Join(t.TempDir(), "new", "bin")
	for _, c := range []struct {
		name string
		env  []string
		want string
		fail bool
	}{
		{"from files", []string{"SLIPWAY_ARTIFACTS=" + artifacts}, "one\n", false},
		{"again", []string{"SLIPWAY_ARTIFACTS=" + artifacts}, "one\n", false},
		{"from a server", []string{"SLIPWAY_BASE_URL=" + server.URL, "SLIPWAY_VERSION=v1.2.3"}, "one\n", false},
		{"a damaged binary", []string{"SLIPWAY_ARTIFACTS=" + damaged}, "it is damaged", true},
		{"an empty folder", []string{"SLIPWAY_ARTIFACTS=" + t.TempDir()}, "has no " + binary, true},
		{"a version that is missing", []string{"SLIPWAY_BASE_URL=" + server.URL, "SLIPWAY_VERSION=v9.9.9"}, "cannot download", true},
		{"a folder that is a file", []string{"SLIPWAY_ARTIFACTS=" + artifacts, "SLIPWAY_INSTALL_DIR=" + filepath.Join(artifacts, binary)}, "cannot write to", true},
	} {
		out, err := install(append([]string{"SLIPWAY_INSTALL_DIR=" + dest}, c.env...)...)
		if (err != nil) != c.fail || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		}
	}
	entries, err := os.ReadDir(dest)
	if err != nil || len(entries) != 1 || entries[0].Name() != "slipway" {
		t.Errorf("the folder has %v (%v), want only slipway", entries, err)
	}
	if out, err := exec.CommandContext(t.Context(), filepath.Join(dest, "slipway")).Output(); err != nil || string(out) != "one\n" {
		t.Errorf("after a damaged download, the binary prints %q (%v)", out, err)
	}
}

// The machines that run the tests have no PowerShell, so that only the syntax of install.ps1 is
// checked.
func TestInstallScriptOfWindows(t *testing.T) {
	raw, err := os.ReadFile("scripts/install.ps1")
	if err != nil {
		t.Fatal(err)
	}
	var open []rune
	for n, line := range strings.Split(string(raw), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		quote := rune(0)
		for _, c := range line {
			switch {
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '\'' || c == '"':
				quote = c
			case strings.ContainsRune("({[", c):
				open = append(open, c)
			case strings.ContainsRune(")}]", c):
				if len(open) == 0 || strings.IndexRune("({[", open[len(open)-1]) != strings.IndexRune(")}]", c) {
					t.Fatalf("unmatched closing bracket in line %d: %s", n+1, line)
				}
				open = open[:len(open)-1]
			}
		}
		if quote != 0 {
			t.Errorf("line %d has an open quote: %s", n+1, line)
		}
	}
	if len(open) > 0 {
		t.Errorf("%q is not closed", string(open))
	}
}
