package build

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images/hosts"
	"github.com/slipway-build/slipway/internal/redact"
)

// registries checks how registries are reached.
func (v *validator) registries() {
	canonical := map[string]RegistryAccess{}
	for _, host := range slices.Sorted(maps.Keys(v.config.Registries)) {
		at, r := "registries."+host, v.config.Registries[host]
		if err := checkRegistryHost(host); err != nil {
			v.wrongKey(at, "%v", err)
			continue
		}
		if _, ok := canonical[hosts.CanonicalName(host)]; ok {
			v.wrongKey(at, "duplicate registry %s", hosts.CanonicalName(host))
		}
		if r.PlainHTTP && (r.CA != "" || r.Cert != "" || r.SkipVerify) {
			v.wrong(at+".plain-http", "plain HTTP has no certificates: leave out ca, cert, key and skip-verify")
		}
		if r.Key != "" && r.Cert == "" {
			v.wrong(at+".key", "missing cert: a key alone is not a client certificate")
		}
		for _, file := range []struct{ key, path string }{{"ca", r.CA}, {"cert", r.Cert}, {"key", r.Key}} {
			// An absolute one belongs to the machine, and need not be on each.
			if file.path != "" && !isAbsolute(file.path) {
				v.file(at+"."+file.key, file.path, fs.FileMode.IsRegular)
			}
		}
		for n, mirror := range r.Mirrors {
			if _, err := hosts.ParseMirror(mirror); err != nil {
				v.wrong(fmt.Sprintf("%s.mirrors[%d]", at, n), "mirror %v", err)
			}
		}
		canonical[hosts.CanonicalName(host)] = r
	}
}

// checkRegistryHost refuses what is not HOST or HOST:PORT.
func checkRegistryHost(host string) error {
	if _, err := name.NewRegistry(host, name.StrictValidation); err != nil || host == "" {
		return fmt.Errorf("registry %q: want HOST or HOST:PORT, without a scheme", redact.Text(host))
	}
	return nil
}

// hosts is how registries are reached: flags and environment go before slipway.yaml,
// and that before the folders of container tools. dir is that of slipway.yaml.
func (s Settings) hosts(dir string, registries map[string]RegistryAccess) hosts.Options {
	path := func(file string) string {
		if file == "" || isAbsolute(file) {
			return file
		}
		return filepath.Join(dir, filepath.FromSlash(file))
	}
	options := hosts.Options{Dirs: s.CertDirs}
	for host, r := range registries {
		options = options.With(host, hosts.Setting{PlainHTTP: r.PlainHTTP, SkipVerify: r.SkipVerify,
			CA: path(r.CA), Cert: path(r.Cert), Key: path(r.Key), Mirrors: r.Mirrors})
	}
	for _, host := range s.PlainHTTP {
		options = options.With(host, hosts.Setting{PlainHTTP: true})
	}
	return options
}

// CheckPlainHTTP refuses what are not registries.
func CheckPlainHTTP(registries []string) error {
	var errs []error
	for _, host := range registries {
		errs = append(errs, checkRegistryHost(host))
	}
	return errors.Join(errs...)
}
