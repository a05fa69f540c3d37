package imagetest

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/testfile"
)

// packages maps programs that tests use to Debian's packages, where the names differ.
var packages = map[string]string{
	"aarch64-linux-gnu-gcc":  "gcc-aarch64-linux-gnu",
	"bsdtar":                 "libarchive-tools",
	"ctr":                    "containerd",
	"docker":                 "docker.io",
	"dpkg-deb":               "dpkg",
	"nginx":                  "nginx-light",
	"sha256sum":              "coreutils",
	"x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64",
	"xz":                     "xz-utils",
}

// modules are programs that Debian does not have. Separate modules in scripts/tools pin them.
var modules = []string{"cosign", "syft"}

// Program returns the path of an installed program. If it is not installed, the test is skipped, or
// fails with SLIPWAY_REQUIRE_ENGINES=1.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if slices.Contains(modules, name) {
			testfile.Missing(t, "%s is not installed (go -C scripts/tools/%s install tool)", name, name)
		}
		pkg := name
		if p, ok := packages[name]; ok {
			pkg = p
		}
		testfile.Missing(t, "%s is not installed (Debian: apt-get install %s)", name, pkg)
	}
	return path
}

// Docker returns the address of a Docker Engine, in the form of DOCKER_HOST. The docker program is
// not needed.
func Docker(t testing.TB) string {
	t.Helper()
	return engine(t, "SLIPWAY_TEST_DOCKER")
}

// Containerd returns the path of containerd's socket, for `ctr --address`.
func Containerd(t testing.TB) string {
	t.Helper()
	return engine(t, "SLIPWAY_TEST_CONTAINERD")
}

// Buildkit returns the address of a buildkitd, in the form of BUILDKIT_HOST.
func Buildkit(t testing.TB) string {
	t.Helper()
	return engine(t, "SLIPWAY_TEST_BUILDKIT")
}

// buildkitProgram returns the path of the buildkitd that scripts/engines.sh
// built, for tests that start workers of their own, or kill them.
func buildkitProgram(t testing.TB) string {
	t.Helper()
	path := os.Getenv("SLIPWAY_TEST_BUILDKITD")
	if path == "" {
		testfile.Missing(t, `SLIPWAY_TEST_BUILDKITD is not set; start the engines: scripts/engines.sh start && eval "$(scripts/engines.sh env)"`)
	}
	return path
}

// engine returns the address in a variable. If no engine answers there, the test fails; it is not
// skipped, since somebody set the variable on purpose.
func engine(t testing.TB, variable string) string {
	t.Helper()
	addr := os.Getenv(variable)
	if addr == "" {
		testfile.Missing(t, `%s is not set; start the engines: scripts/engines.sh start && eval "$(scripts/engines.sh env)"`, variable)
	}
	network, where := "unix", addr
	if u, err := url.Parse(addr); err == nil && u.Scheme != "" {
		network, where = u.Scheme, u.Host+u.Path
	}
	conn, err := net.DialTimeout(network, where, 5*time.Second)
	if err != nil {
		t.Fatalf("no engine answers at %s=%s: %v", variable, addr, err)
	}
	_ = conn.Close()
	return addr
}
