package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/build/ci"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/build/workbench/caches"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/hosts"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// Settings are the options of a run. From reads them from the environment, and flags override them.
type Settings struct {
	release.Options
	// DryRun prints what a run would do, and does nothing.
	DryRun bool
	// Shard is the shard of the release that a run makes, NUMBER/OF, or empty for all of it.
	Shard string
	// CI contains the paths of the files that a CI service reads.
	CI ci.Files
}

// Release returns the options of a run in a project.
func (s Settings) Release() release.Options { return s.Options }

// Workbench returns the options of a command without a project.
func (s Settings) Workbench() workbench.Options { return s.Options.Options }

// Environment lists the environment variables that From and config.Load read, for help texts.
const Environment = `REGISTRY REPO TAG PLATFORMS SKIP_WINDOWS BUILDER BUILDKIT_HOST BUILDKIT_TLS_DIR DOCKER_HOST
DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_CONFIG DOCKER_USERNAME DOCKER_PASSWORD GITHUB_TOKEN GITHUB_API_URL GITLAB_TOKEN GITLAB_API_URL COSIGN_PASSWORD
SOURCE_DATE_EPOCH FORCE SNAPSHOT JOBS PROGRESS DEBUG SLIPWAY_CACHE SLIPWAY_CACHE_SIZE SLIPWAY_CACHE_FROM SLIPWAY_CACHE_TO
SLIPWAY_CACHE_PUBLIC_KEY SLIPWAY_CACHE_KEY SLIPWAY_UNPACK_LIMIT SLIPWAY_OFFLINE SLIPWAY_LOCKED SLIPWAY_PROJECT SLIPWAY_RECORD SLIPWAY_SHARD
SLIPWAY_OUTPUTS SLIPWAY_SUMMARY SLIPWAY_CODE_QUALITY SLIPWAY_PREVIOUS REGISTRY_AUTH_FILE SLIPWAY_PLAIN_HTTP SLIPWAY_CERTS_DIR SSL_CERT_FILE SSL_CERT_DIR
OTEL_EXPORTER_OTLP_ENDPOINT OTEL_EXPORTER_OTLP_HEADERS OTEL_EXPORTER_OTLP_TRACES_HEADERS TRACEPARENT`

// Secrets are the variables of Environment that are withheld from child processes.
var Secrets = []string{"DOCKER_PASSWORD", "GITHUB_TOKEN", "GITLAB_TOKEN", "COSIGN_PASSWORD",
	"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"}

// From reads the environment. The error joins all problems.
func From(getenv func(string) (string, bool)) (Settings, error) {
	env := func(name string) string { v, _ := getenv(name); return v }
	s := Settings{CI: ci.FromEnvironment(env), Shard: env("SLIPWAY_SHARD"), Options: release.Options{
		Options: workbench.Options{
			Builder: images.BuilderKind(env("BUILDER")), BuildkitHost: env("BUILDKIT_HOST"), DockerHost: env("DOCKER_HOST"),
			BuildkitTLS: env("BUILDKIT_TLS_DIR"), AuthFiles: authFiles(env), CertDirs: certDirs(env),
			Username: env("DOCKER_USERNAME"), Password: env("DOCKER_PASSWORD"),
			SSHAgent: env("SSH_AUTH_SOCK"), SourceDateEpoch: env("SOURCE_DATE_EPOCH"),
			Shared: caches.Shared{From: caches.Places{Texts: words(env("SLIPWAY_CACHE_FROM"))},
				To: caches.Places{Texts: words(env("SLIPWAY_CACHE_TO"))}, PublicKey: env("SLIPWAY_CACHE_PUBLIC_KEY"), Key: env("SLIPWAY_CACHE_KEY")},
			Cache: env("SLIPWAY_CACHE"), CacheSize: workbench.DefaultCacheSize, Jobs: runtime.GOMAXPROCS(0), Getenv: getenv,
		},
		Project:     env("SLIPWAY_PROJECT"),
		Record:      env("SLIPWAY_RECORD"),
		GitHubToken: env("GITHUB_TOKEN"), GitHubAPI: env("GITHUB_API_URL"), // GitHub Actions sets both
	}}
	if env("DOCKER_TLS_VERIFY") != "" { // any value, as for Docker's client
		s.DockerTLS = env("DOCKER_CERT_PATH")
	}
	var errs []error
	var err error
	if s.Platforms, err = images.ParsePlatforms(listed(env("PLATFORMS"))); err != nil {
		errs = append(errs, fmt.Errorf("environment PLATFORMS: %w", err))
	}
	s.PlainHTTP = listed(env("SLIPWAY_PLAIN_HTTP"))
	if err := CheckPlainHTTP(s.PlainHTTP); err != nil {
		errs = append(errs, fmt.Errorf("environment SLIPWAY_PLAIN_HTTP: %w", err))
	}
	for name, field := range map[string]*bool{"SKIP_WINDOWS": &s.SkipWindows, "SLIPWAY_OFFLINE": &s.Offline, "SLIPWAY_LOCKED": &s.Locked, "FORCE": &s.Force, "SNAPSHOT": &s.Snapshot} {
		if *field, err = parseSwitch(env(name)); err != nil {
			errs = append(errs, fmt.Errorf("environment %s: %w", name, err))
		}
	}
	if jobs := env("JOBS"); jobs != "" {
		if s.Jobs, err = strconv.Atoi(jobs); err != nil || s.Jobs < 1 {
			errs = append(errs, fmt.Errorf("environment JOBS=%s: want a number from 1", jobs))
		}
	}
	if err := s.Builder.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("environment BUILDER: %w", err))
	}
	if size := env("SLIPWAY_CACHE_SIZE"); size != "" {
		if s.CacheSize, err = progress.ParseBytes(size); err != nil {
			errs = append(errs, fmt.Errorf("environment SLIPWAY_CACHE_SIZE: %w", err))
		}
	}
	if size := env("SLIPWAY_UNPACK_LIMIT"); size != "" {
		if s.UnpackLimit, err = progress.ParseBytes(size); err != nil {
			errs = append(errs, fmt.Errorf("environment SLIPWAY_UNPACK_LIMIT: %w", err))
		}
	}
	if (s.Username == "") != (s.Password == "") {
		errs = append(errs, errors.New("environment DOCKER_USERNAME and DOCKER_PASSWORD: set both or neither"))
	}
	if s.Cache == "" {
		if dir, err := os.UserCacheDir(); err == nil {
			s.Cache = filepath.Join(dir, "slipway")
		} else {
			errs = append(errs, fmt.Errorf("finding a folder for the content cache: %w: set SLIPWAY_CACHE", err))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return s, usage.Wrap(errors.Join(errs...))
}

// words splits the value of a variable at spaces, because its words contain commas.
func words(s string) []string { return append([]string(nil), strings.Fields(s)...) }

// listed splits the value of a variable at commas and spaces.
func listed(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// authFiles returns the files with credentials of registries, in order of precedence: that of REGISTRY_AUTH_FILE,
// Docker's, and podman's, of which the first does not survive a reboot.
func authFiles(env func(string) string) (files []string) {
	if file := env("REGISTRY_AUTH_FILE"); file != "" {
		files = append(files, file)
	}
	home := homeDir(env)
	switch {
	case env("DOCKER_CONFIG") != "":
		files = append(files, filepath.Join(env("DOCKER_CONFIG"), "config.json"))
	case home != "":
		files = append(files, filepath.Join(home, ".docker", "config.json"))
	}
	if run := env("XDG_RUNTIME_DIR"); run != "" {
		files = append(files, filepath.Join(run, "containers", "auth.json"))
	}
	if own := configHome(env); own != "" {
		files = append(files, filepath.Join(own, "containers", "auth.json"))
	}
	return files
}

// homeDir returns the user's home folder, or "".
func homeDir(env func(string) string) string {
	if runtime.GOOS == "windows" {
		return env("USERPROFILE")
	}
	return env("HOME")
}

// configHome returns the folder where programs keep their configuration, or "".
func configHome(env func(string) string) string {
	if own := env("XDG_CONFIG_HOME"); own != "" {
		return own
	}
	if home := homeDir(env); home != "" {
		return filepath.Join(home, ".config")
	}
	return ""
}

// certDirs returns the folders in which container tools keep certificates and mirrors of registries. The user's folders
// come before the system's.
func certDirs(env func(string) string) []string {
	dirs := filepath.SplitList(env("SLIPWAY_CERTS_DIR"))
	if runtime.GOOS == "windows" {
		if data := env("ProgramData"); data != "" {
			dirs = append(dirs, filepath.Join(data, "containerd", "certs.d"), filepath.Join(data, "docker", "certs.d"))
		}
		return dirs
	}
	roots := []string{"/etc"}
	if own := configHome(env); own != "" {
		roots = []string{own, "/etc"}
	}
	for _, root := range roots {
		for _, tool := range []string{"containerd", "docker", "containers"} {
			dirs = append(dirs, filepath.Join(root, tool, "certs.d"))
		}
	}
	return dirs
}

// parseSwitch parses the value of a variable that is on or off.
func parseSwitch(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "", "0", "false", "no", "off":
		return false, nil
	case "1", "true", "yes", "on":
		return true, nil
	}
	return false, fmt.Errorf("%q: want true or false", s)
}

// CheckPlainHTTP returns an error unless each text is the name of a registry.
func CheckPlainHTTP(registries []string) error {
	var errs []error
	for _, host := range registries {
		errs = append(errs, hosts.CheckName(host))
	}
	return errors.Join(errs...)
}
