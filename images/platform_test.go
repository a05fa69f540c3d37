package images_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/imagetest"
)

func TestParsePlatformReadsBothSpellings(t *testing.T) {
	for _, c := range []struct{ in, want, containerd, slug string }{
		{"linux/amd64", "linux/amd64", "linux/amd64", "linux-amd64"},
		{"Linux/x86_64", "linux/amd64", "linux/amd64", "linux-amd64"},
		{"linux/arm64/v8", "linux/arm64", "linux/arm64", "linux-arm64"},
		{"linux/arm/7", "linux/arm/v7", "linux/arm/v7", "linux-arm-v7"},
		{"linux/arm", "linux/arm", "linux/arm", "linux-arm"},
		{"linux/armhf", "linux/arm", "linux/arm", "linux-arm"},
		{"linux/armel", "linux/arm/v6", "linux/arm/v6", "linux-arm-v6"},
		{"linux/amd64/v1", "linux/amd64", "linux/amd64", "linux-amd64"},
		{"darwin/ppc64le", "darwin/ppc64le", "darwin/ppc64le", "darwin-ppc64le"},
		{"windows/amd64:10.0.20348.4294", "windows/amd64:10.0.20348.4294", "windows(10.0.20348.4294)/amd64", "windows-amd64"},
		{"windows(10.0.20348.4294)/amd64", "windows/amd64:10.0.20348.4294", "windows(10.0.20348.4294)/amd64", "windows-amd64"},
		{"windows(10.0.17763+win32k)/amd64", "windows/amd64:10.0.17763", "windows(10.0.17763+win32k)/amd64", "windows-amd64"},
	} {
		p, err := images.ParsePlatform(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		got := []string{images.FormatPlatform(p), images.ContainerdPlatform(p), images.PlatformSlug(p)}
		if diff := cmp.Diff([]string{c.want, c.containerd, c.slug}, got); diff != "" {
			t.Errorf("%s: %s", c.in, diff)
		}
	}
}

func TestParsePlatformErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "want os/architecture",
		"/":                          "want os/architecture",
		"linux":                      "want os/architecture",
		"linux/amd64/v1/x":           "want os/architecture",
		"linux/amd64:1:2":            "only Windows images have an os.version",
		"linux/amd64:10.0.1":         "only Windows images have an os.version",
		"windows/amd64:":             "an os.version must follow the colon",
		"windows/amd64:ltsc2022":     "want three or four numbers",
		"windows/amd64:10.0.x":       `"x" is not a number`,
		"windows(10.0.20348.1/amd64": "want os(version)/architecture",
		"beos/amd64":                 `"beos" is not an operating system; known are aix, android`,
		"linux/vax":                  `"vax" is not an architecture; known are 386, amd64`,
	} {
		if _, err := images.ParsePlatform(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", in, err, want)
		}
	}
}

func TestGoHasPorts(t *testing.T) {
	for p, want := range map[string]string{
		"linux/amd64":    "",
		"darwin/arm64":   "",
		"darwin/ppc64le": "platform darwin/ppc64le: Go has no port for ppc64le on darwin; it has amd64, arm64",
		"zos/s390x":      "platform zos/s390x: Go has no port for zos; it has aix, darwin",
	} {
		got := ""
		if err := images.CheckPort(imagetest.Platform(t, p)); err != nil {
			got = err.Error()
		}
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", p, got, want)
		}
	}
}

func TestSamePlatform(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"linux/arm", "linux/arm/v7", true},
		{"linux/arm", "linux/arm/v6", false},
		{"linux/amd64", "linux/amd64/v1", true},
		{"linux/amd64", "linux/amd64/v2", false},
		{"linux/arm64", "linux/arm64/v8", true},
		{"linux/aarch64", "linux/arm64", true},
		{"windows/amd64:10.0.20348.1", "windows/amd64:10.0.20348.2", false},
	} {
		if got := images.SamePlatform(imagetest.Platform(t, c.a), imagetest.Platform(t, c.b)); got != c.want {
			t.Errorf("%s and %s: got %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func FuzzParsePlatformReadsWhatItPrints(f *testing.F) {
	for _, s := range []string{"linux/amd64", "windows(10.0.1.2+a+b)/amd64", "windows/amd64:10.0.1", "linux/arm/v7", "("} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := images.ParsePlatform(s)
		if err != nil {
			return
		}
		again, err := images.ParsePlatform(images.ContainerdPlatform(p))
		if err != nil || !cmp.Equal(p, again) {
			t.Errorf("%q is read as %+v, printed, and read as %+v, %v", s, p, again, err)
		}
	})
}

func TestWindowsVersionsCompareAsNumbers(t *testing.T) {
	got := []string{"10.0.26100.1", "10.0.9200.5", "10.0.17763.10", "10.0.17763.9", ""}
	slices.SortFunc(got, images.CompareOSVersions)
	if diff := cmp.Diff([]string{"", "10.0.9200.5", "10.0.17763.9", "10.0.17763.10", "10.0.26100.1"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestReferencesAreSpelledAsNodesLookThemUp(t *testing.T) {
	for _, c := range []struct{ in, qualified, familiar string }{
		{"busybox", "docker.io/library/busybox:latest", "busybox:latest"},
		{"index.docker.io/rancher/x:v1", "docker.io/rancher/x:v1", "rancher/x:v1"},
		{"docker.io/library/a:1", "docker.io/library/a:1", "a:1"},
		{"127.0.0.1:5000/library/a:1", "127.0.0.1:5000/library/a:1", "127.0.0.1:5000/library/a:1"},
	} {
		ref, err := images.ParseReference(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{c.qualified, c.familiar}, []string{images.Qualified(ref), images.Familiar(ref)}); diff != "" {
			t.Errorf("%s: %s", c.in, diff)
		}
	}
}

func TestListsReportEveryBadLine(t *testing.T) {
	entries, err := images.ReadList(strings.NewReader("# head\n\nrancher/x:v1 # why\nUPPER/case\n  docker.io/rancher/x:v1\nb@sha256:12\ncc:1\n"+
		"docker://cc:1\ndocker-image://dd:1\nhttps://ee:1\n- ff:1\n\"gg:1\"\n"), "lists/core.txt")
	var got []string
	for _, e := range entries {
		got = append(got, images.Familiar(e.Ref))
	}
	if diff := cmp.Diff([]string{"rancher/x:v1", "cc:1", "dd:1"}, got); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{"lists/core.txt:4: \"UPPER/case\" is not an image reference", "lists/core.txt:6:",
		"lists/core.txt:10: \"https://ee:1\" is not an image reference: write it without https://", `lists/core.txt:11: "- ff:1" is not an image reference: it contains ' '`,
		`lists/core.txt:12: "\"gg:1\"" is not an image reference: it contains '"'`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("missing in error %v: %q", err, want)
		}
	}
}

// A name is valid by Docker's grammar, not by go-containerregistry's.
func TestReferencesOfOneLetter(t *testing.T) {
	for in, want := range map[string]string{
		"a":                       "docker.io/library/a:latest",
		"a:1":                     "docker.io/library/a:1",
		"localhost/a":             "localhost/a:latest",
		"registry.example:5000/a": "registry.example:5000/a:latest",
		"ghcr.io/a:v1":            "ghcr.io/a:v1",
		"ghcr.io/a@sha256:" + strings.Repeat("0", 64): "ghcr.io/a@sha256:" + strings.Repeat("0", 64),
	} {
		ref, err := images.ParseReference(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := images.Qualified(ref); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	for _, in := range []string{"", "A", "ghcr.io/A", "a..b/c", "-a", "a:", "a@sha256:1"} {
		if ref, err := images.ParseReference(in); err == nil {
			t.Errorf("%q is read as %s", in, ref)
		}
	}
	if !images.HasTag("a:1") || images.HasTag("a") || images.HasTag("a@sha256:"+strings.Repeat("0", 64)) {
		t.Error("HasTag is wrong")
	}
}
