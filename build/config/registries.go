package config

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/slipway-build/slipway/images/hosts"
)

// registries checks the settings of registries.
func (v *validator) registries() {
	canonical := map[string]RegistryAccess{}
	for _, host := range slices.Sorted(maps.Keys(v.config.Registries)) {
		at, r := "registries."+host, v.config.Registries[host]
		if err := hosts.CheckName(host); err != nil {
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
			// Absolute paths depend on the machine, and need not exist here.
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

// HostSettings maps HOST or HOST:PORT to the settings of registries. Paths are absolute.
func (c *Config) HostSettings() map[string]hosts.Setting {
	path := func(file string) string {
		if file == "" || isAbsolute(file) {
			return file
		}
		return filepath.Join(c.Dir, filepath.FromSlash(file))
	}
	settings := make(map[string]hosts.Setting, len(c.Registries))
	for host, r := range c.Registries {
		settings[host] = hosts.Setting{PlainHTTP: r.PlainHTTP, SkipVerify: r.SkipVerify,
			CA: path(r.CA), Cert: path(r.Cert), Key: path(r.Key), Mirrors: r.Mirrors}
	}
	return settings
}
