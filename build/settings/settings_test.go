package settings

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/build/workbench/caches"
	"github.com/slipway-build/slipway/internal/process"
)

func TestWhereCredentialsAreLookedFor(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want []string
	}{
		{nil, nil},
		{map[string]string{"HOME": "/h", "USERPROFILE": "/h"}, []string{"/h/.docker/config.json", "/h/.config/containers/auth.json"}},
		{map[string]string{"REGISTRY_AUTH_FILE": "/f", "DOCKER_CONFIG": "/d", "XDG_RUNTIME_DIR": "/r", "XDG_CONFIG_HOME": "/c"},
			[]string{"/f", "/d/config.json", "/r/containers/auth.json", "/c/containers/auth.json"}},
	} {
		var got []string
		for _, file := range authFiles(func(name string) string { return c.env[name] }) {
			got = append(got, filepath.ToSlash(file))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.env, diff)
		}
	}
}

func TestSettingsAreReadFromTheEnvironment(t *testing.T) {
	env := map[string]string{
		"BUILDER": "buildkit", "BUILDKIT_HOST": "tcp://b", "DOCKER_HOST": "tcp://d", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/tls",
		"SSH_AUTH_SOCK": "/agent", "SOURCE_DATE_EPOCH": "1", "DOCKER_USERNAME": "me", "DOCKER_PASSWORD": "secret",
		"GITHUB_TOKEN": "token", "GITHUB_API_URL": "https://api", "PLATFORMS": "linux/amd64, windows/amd64", "SLIPWAY_PLAIN_HTTP": "a:1 b",
		"SKIP_WINDOWS": "yes", "SLIPWAY_OFFLINE": "on", "FORCE": "1", "SNAPSHOT": "true", "JOBS": "3",
		"SLIPWAY_RECORD": "run.json", "SLIPWAY_CACHE": "/cache", "SLIPWAY_CACHE_SIZE": "1GB", "SLIPWAY_UNPACK_LIMIT": "2GB",
		"SLIPWAY_CACHE_FROM": "type=local,src=/a type=local,src=/b", "SLIPWAY_CACHE_TO": "type=local,dest=/b", "SLIPWAY_CACHE_PUBLIC_KEY": "pub", "SLIPWAY_CACHE_KEY": "env://KEY",
	}
	got, err := From(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	got.Getenv, got.CertDirs = nil, nil
	want := Settings{Options: release.Options{
		Options: workbench.Options{
			Builder: "buildkit", BuildkitHost: "tcp://b", DockerHost: "tcp://d", DockerTLS: "/tls", SSHAgent: "/agent", SourceDateEpoch: "1",
			Username: "me", Password: "secret", Platforms: []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "windows", Architecture: "amd64"}}, PlainHTTP: []string{"a:1", "b"},
			Offline: true, Jobs: 3, Cache: "/cache", CacheSize: 1_000_000_000, UnpackLimit: 2_000_000_000,
			Shared: caches.Shared{From: caches.Places{Texts: []string{"type=local,src=/a", "type=local,src=/b"}}, To: caches.Places{Texts: []string{"type=local,dest=/b"}}, PublicKey: "pub", Key: "env://KEY"},
		},
		SkipWindows: true, Record: "run.json", GitHubToken: "token", GitHubAPI: "https://api", Force: true, Snapshot: true,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryErrorInTheEnvironmentIsReported(t *testing.T) {
	env := map[string]string{"BUILDER": "kaniko", "PLATFORMS": "linux", "SLIPWAY_PLAIN_HTTP": "http://a", "FORCE": "maybe", "JOBS": "0",
		"SLIPWAY_CACHE": "/cache", "SLIPWAY_CACHE_SIZE": "much", "SLIPWAY_UNPACK_LIMIT": "little", "DOCKER_USERNAME": "me"}
	_, err := From(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"BUILDER", "PLATFORMS", "SLIPWAY_PLAIN_HTTP", "FORCE", "JOBS", "SLIPWAY_CACHE_SIZE", "SLIPWAY_UNPACK_LIMIT", "DOCKER_USERNAME"} {
		if !strings.Contains(err.Error(), "environment "+name) {
			t.Errorf("%s is not in the error:\n%v", name, err)
		}
	}
}

// No child process inherits a secret that Slipway itself uses.
func TestSecretsAreWithheld(t *testing.T) {
	want := []string{"DOCKER_PASSWORD", "GITHUB_TOKEN", "GITLAB_TOKEN", "COSIGN_PASSWORD", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"}
	for _, name := range want {
		t.Setenv(name, "secret")
	}
	lookup := process.Withhold(Secrets...)
	for _, name := range want {
		if value, _ := lookup(name); value != "secret" {
			t.Errorf("%s is not found", name)
		}
		if value, ok := os.LookupEnv(name); ok {
			t.Errorf("a child would inherit %s=%s", name, value)
		}
		if !slices.Contains(strings.Fields(Environment), name) {
			t.Errorf("help does not list %s", name)
		}
	}
}
