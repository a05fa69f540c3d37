package hosts

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// folder creates files, whose names have slashes, and returns their folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFoldersOfContainerdAndDockerAreRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("on Windows, names of folders have no colons")
	}
	self := Host{Address: "reg.example:5000", Path: "/v2", Pull: true, Resolve: true, Push: true}
	with := func(h Host, change func(*Host)) Host { change(&h); return h }
	for name, c := range map[string]struct {
		files map[string]string
		want  func(dir string) []Host
	}{
		"nothing": {nil, func(string) []Host { return []Host{self} }},
		"Docker's certificates": {
			map[string]string{
				"reg.example:5000/a.crt": "", "reg.example:5000/b.crt": "", "reg.example:5000/me.cert": "", "reg.example:5000/me.key": "",
				"reg.example:5000/both.cert": "", "reg.example:5000/README": "", "reg.example/other.crt": "",
			},
			func(dir string) []Host {
				return []Host{with(self, func(h *Host) {
					in := func(name string) string { return filepath.Join(dir, "reg.example:5000", name) }
					h.TLS = TLS{CAs: []string{in("a.crt"), in("b.crt")}, Pairs: []Pair{{Cert: in("both.cert")}, {in("me.cert"), in("me.key")}}}
				})}
			}},
		"containerd's mirrors": {
			map[string]string{"reg.example_5000_/hosts.toml": `
server = "https://reg.example:5000"
ca = "own.pem"
[host."https://z.example"]
  capabilities = ["pull"]
  dial_timeout = "3s"
  [host."https://z.example".header]
    x-one = "1"
    X-Two = ["a", "b"]
[host."http://a.example:8080/proxy"]
  capabilities = ["pull", "resolve", "push"]
  client = [["c.pem", "/k.pem"], "both.pem"]
  skip_verify = true
[host."https://b.example/raw/path"]
  override_path = true
  ca = ["/1.pem", "2.pem"]
  some_later_key = 7
`},
			func(dir string) []Host {
				in := func(name string) string { return filepath.Join(dir, "reg.example_5000_", name) }
				return []Host{
					{Scheme: "https", Address: "z.example", Path: "/v2", Mirror: true, Pull: true, DialTimeout: 3 * time.Second,
						Header: http.Header{"X-One": {"1"}, "X-Two": {"a", "b"}}},
					{Scheme: "http", Address: "a.example:8080", Path: "/proxy/v2", Mirror: true, Pull: true, Resolve: true, Push: true,
						TLS: TLS{SkipVerify: true, Pairs: []Pair{{in("c.pem"), "/k.pem"}, {Cert: in("both.pem")}}}},
					{Scheme: "https", Address: "b.example", Path: "/raw/path", Mirror: true, Pull: true, Resolve: true,
						TLS: TLS{CAs: []string{"/1.pem", in("2.pem")}}},
					with(self, func(h *Host) { h.Scheme = "https"; h.TLS.CAs = []string{in("own.pem")} }),
				}
			}},
		"for every registry": {
			map[string]string{"_default/hosts.toml": `[host."cache.example"]`},
			func(string) []Host {
				return []Host{{Scheme: "https", Address: "cache.example", Path: "/v2", Mirror: true, Pull: true, Resolve: true}, self}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, c.files)
			got, err := Options{Dirs: []string{filepath.Join(dir, "missing"), dir}}.Of("reg.example:5000")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want(dir), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSettingsGoBeforeFolders(t *testing.T) {
	dir := folder(t, map[string]string{"docker.io/hosts.toml": "server = \"https://registry-1.docker.io\"\n[host.\"old.example\"]\n"})
	o := Options{Dirs: []string{dir}}.
		With("index.docker.io", Setting{CA: "ca.pem", Mirrors: []string{"mirror.example:5000/hub"}}).
		With("mirror.example:5000", Setting{PlainHTTP: true}).
		With("MIRROR.example:5000", Setting{CA: "m.pem"})
	got, err := o.Of("index.docker.io")
	if err != nil {
		t.Fatal(err)
	}
	want := []Host{
		{Scheme: "http", Address: "mirror.example:5000", Path: "/hub/v2", Mirror: true, Pull: true, Resolve: true, TLS: TLS{CAs: []string{"m.pem"}}},
		{Scheme: "https", Address: "registry-1.docker.io", Path: "/v2", Pull: true, Resolve: true, Push: true, TLS: TLS{CAs: []string{"ca.pem"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestErrorsNameFileAndLine(t *testing.T) {
	for text, want := range map[string]string{
		"server = \n": "hosts.toml:1: ",
		"[host.\"https://m\"]\ncapabilities = [\"x\"]": `host "https://m": capability "x": want pull`,
		"[host.\"ftp://m\"]":                           `"ftp://m": want HOST`,
		"[host.\"https://me:secret@m\"]":               "credentials belong in an auth file",
		"ca = 7":                                       "ca: 7 is not a string",
		"client = [[\"a\"]]":                           "client: [a] is not a pair",
		"dial_timeout = \"soon\"":                      "dial_timeout: ",
	} {
		dir := folder(t, map[string]string{"_default/hosts.toml": text})
		_, err := Options{Dirs: []string{dir}}.Of("reg.example")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), filepath.Join(dir, "_default", "hosts.toml")) {
			t.Errorf("%q: %v; want %q", text, err, want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%v contains a password", err)
		}
	}
}

func TestFilesOfTLSAreNamed(t *testing.T) {
	dir := folder(t, map[string]string{"no.pem": "no"})
	file := filepath.Join(dir, "no.pem")
	for _, c := range []TLS{{CAs: []string{file}}, {CAs: []string{file + "x"}}, {Pairs: []Pair{{Cert: file}}}} {
		if _, err := c.Config(); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if config, err := (TLS{}).Config(); config != nil || err != nil {
		t.Errorf("the config of the zero value is %v, %v; want nil", config, err)
	}
	if config, err := (TLS{SkipVerify: true}).Config(); err != nil || !config.InsecureSkipVerify {
		t.Errorf("skip verify: %v", err)
	}
}
