package bundle

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNamedAfter(t *testing.T) {
	for folder, want := range map[string]bool{"rke2": true, "rke2-server": true, "rke2-server-x": false, "rk": false, "share": false} {
		if got := namedAfter(folder, "rke2-server"); got != want {
			t.Errorf("%s: %v, want %v", folder, got, want)
		}
	}
}

// The packages' own programs find the documents.
func TestPackagesDocumentThemselves(t *testing.T) {
	skipWithoutModes(t)
	dir := t.TempDir()
	var files []File
	for name, at := range map[string]string{
		"tool": "/usr/bin/tool", "README.md": "/usr/share/doc/slipway/README.md", "LICENSE": "/usr/share/licenses/slipway/LICENSE",
		"tool.1": "/usr/share/man/man1/tool.1", "unit": "/usr/lib/systemd/system/tool.service", "data": "/usr/share/slipway/deep/data",
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(name+"\n"), 0o644))
		files = append(files, File{Source: filepath.Join(dir, name), Path: at})
	}
	debFile, rpmFile := filepath.Join(dir, "x.deb"), filepath.Join(dir, "x.rpm")
	must(t, pack(t.Context(), debFile, files, testPackage(), epoch))
	must(t, pack(t.Context(), rpmFile, files, testPackage(), epoch))

	t.Run("deb", func(t *testing.T) {
		out := t.TempDir()
		run(t, out, "dpkg-deb", "--extract", debFile, ".")
		raw, err := os.ReadFile(filepath.Join(out, "usr/share/doc/slipway/copyright"))
		must(t, err)
		want := `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: slipway
Upstream-Contact: The authors <authors@example.com>
Source: https://example.com

Files: *
Copyright: 2026 Example
License: Apache-2.0
 On Debian systems, the full text of this license can be found in
 /usr/share/common-licenses/Apache-2.0.
`
		if diff := cmp.Diff(want, string(raw)); diff != "" {
			t.Error(diff)
		}
		want = `slipway (0.1.0+dev.1a2b3c4d.dirty) stable; urgency=medium

  * Release of v0.1.0+dev.1a2b3c4d-dirty, see
    https://example.com

 -- The authors <authors@example.com>  Wed, 04 Mar 2026 05:06:07 +0000
`
		if diff := cmp.Diff(want, run(t, out, "gzip", "-dc", "usr/share/doc/slipway/changelog.gz")); diff != "" {
			t.Error(diff)
		}
		if got := run(t, out, "gzip", "-dc", "usr/share/man/man1/tool.1.gz"); got != "tool.1\n" {
			t.Errorf("the man page is %q", got)
		}
	})
	t.Run("rpm", func(t *testing.T) {
		lines := func(args ...string) []string {
			return strings.Split(strings.TrimSpace(run(t, dir, "rpm", append(args, rpmFile)...)), "\n")
		}
		if diff := cmp.Diff([]string{"/usr/share/doc/slipway/README.md", "/usr/share/man/man1/tool.1.gz"}, lines("-qpd")); diff != "" {
			t.Errorf("documentation: %s", diff)
		}
		if diff := cmp.Diff([]string{"/usr/share/licenses/slipway/LICENSE"}, lines("-qpL")); diff != "" {
			t.Errorf("licenses: %s", diff)
		}
		if log := strings.Join(lines("-qp", "--changelog"), "\n"); !strings.Contains(log, "The authors <authors@example.com> - 0.1.0+dev.1a2b3c4d.dirty") || !strings.Contains(log, "- Release of v0.1.0+dev.1a2b3c4d-dirty") {
			t.Errorf("changelog: %s", log)
		}
		// It owns folders with its name, and no folder of the system.
		var folders []string
		for _, line := range lines("-qp", "--qf", "[%{FILEMODES:perms} %{FILENAMES}\n]") {
			if name, ok := strings.CutPrefix(line, "drwxr-xr-x "); ok {
				folders = append(folders, name)
			}
		}
		slices.Sort(folders)
		want := []string{"/usr/share/doc/slipway", "/usr/share/licenses/slipway", "/usr/share/slipway", "/usr/share/slipway/deep"}
		if diff := cmp.Diff(want, folders); diff != "" {
			t.Errorf("folders: %s", diff)
		}
	})
}

// A copyright file from the user is not replaced.
func TestAGivenCopyrightStays(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "c"), []byte("mine\n"), 0o644))
	output := filepath.Join(dir, "x.deb")
	must(t, pack(t.Context(), output, []File{{Source: filepath.Join(dir, "c"), Path: "/usr/share/doc/slipway/copyright"}}, testPackage(), epoch))
	run(t, dir, "dpkg-deb", "--extract", output, "out")
	if raw, err := os.ReadFile(filepath.Join(dir, "out/usr/share/doc/slipway/copyright")); err != nil || string(raw) != "mine\n" {
		t.Errorf("the copyright is %q, %v", raw, err)
	}
}
