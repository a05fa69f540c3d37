package hosts

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/internal/dockerhub"
	"github.com/slipway-build/slipway/internal/redact"
)

// A Host is a server of a registry: the registry itself, or a mirror of it.
type Host struct {
	// Scheme is http or https; empty if not configured.
	Scheme string
	// Address is a name or IP address, with an optional port.
	Address string
	// Path is the prefix of all API paths, such as /v2.
	Path string
	// Pull, Resolve and Push are the capabilities of the host: content by digest, tags, and
	// writing.
	Pull, Resolve, Push bool
	Mirror              bool
	// Header is sent with every request.
	Header      http.Header
	TLS         TLS
	DialTimeout time.Duration // 0 if not configured
}

// A Setting contains the settings of a registry from slipway.yaml, a flag or the environment.
type Setting struct {
	PlainHTTP, SkipVerify bool
	CA, Cert, Key         string // PEM files
	// Mirrors are used before the registry for every pull: HOST[:PORT][/PATH], https://… or
	// http://….
	Mirrors []string
}

// Options are the sources of the configuration. The zero value configures nothing.
type Options struct {
	// Settings maps registries, as spelled by CanonicalName, to their settings. They take
	// precedence over folders.
	Settings map[string]Setting
	// Dirs are folders that contain a folder for each registry. Only the first hosts.toml of a
	// registry is used; certificates are collected from all folders.
	Dirs []string
}

// CanonicalName maps the several names of Docker Hub to docker.io, and returns other names
// unchanged.
func CanonicalName(registry string) string {
	if dockerhub.Is(registry) {
		return dockerhub.Name
	}
	return strings.ToLower(registry)
}

// CheckName returns an error unless registry is HOST or HOST:PORT.
func CheckName(registry string) error {
	if _, err := name.NewRegistry(registry, name.StrictValidation); err != nil || registry == "" {
		return fmt.Errorf("registry %q: want HOST or HOST:PORT, without a scheme", redact.Text(registry))
	}
	return nil
}

// namesOf returns all names under which a folder of the registry may be found.
func namesOf(registry string) []string {
	if dockerhub.Is(registry) {
		return dockerhub.Names()
	}
	return []string{registry}
}

// With returns the options with an additional setting. If the registry has a setting already, the
// values that s specifies take precedence.
func (o Options) With(registry string, s Setting) Options {
	merged := maps.Clone(o.Settings)
	if merged == nil {
		merged = map[string]Setting{}
	}
	registry = CanonicalName(registry)
	old := merged[registry]
	s.PlainHTTP, s.SkipVerify = s.PlainHTTP || old.PlainHTTP, s.SkipVerify || old.SkipVerify
	s.CA = cmp.Or(s.CA, old.CA)
	if s.Cert == "" {
		s.Cert, s.Key = old.Cert, old.Key
	}
	if len(s.Mirrors) == 0 {
		s.Mirrors = old.Mirrors
	}
	merged[registry] = s
	o.Settings = merged
	return o
}

// Of returns the hosts of a registry: its mirrors in order of precedence, then the registry itself.
// Errors name the file, and the line if it is known.
func (o Options) Of(registry string) ([]Host, error) {
	hosts := []Host{{Address: registry, Path: "/v2", Pull: true, Resolve: true, Push: true}}
	file, err := o.hostsFile(registry)
	if err != nil {
		return nil, err
	}
	if file != "" {
		if hosts, err = readHostsFile(file, registry); err != nil {
			return nil, err
		}
	}
	setting := o.Settings[CanonicalName(registry)]
	if len(setting.Mirrors) > 0 {
		var mirrors []Host
		for _, text := range setting.Mirrors {
			mirror, err := ParseMirror(text)
			if err != nil {
				return nil, fmt.Errorf("mirror of registry %s: %w", registry, err)
			}
			mirrors = append(mirrors, mirror)
		}
		hosts = append(mirrors, hosts[len(hosts)-1])
	}
	for n := range hosts {
		if err := o.complete(&hosts[n]); err != nil {
			return nil, err
		}
	}
	return hosts, nil
}

// complete adds the settings and folders for the host's own name.
func (o Options) complete(h *Host) error {
	setting := o.Settings[CanonicalName(h.Address)]
	if setting.PlainHTTP {
		h.Scheme = "http"
	}
	h.TLS.SkipVerify = h.TLS.SkipVerify || setting.SkipVerify
	if setting.CA != "" {
		h.TLS.CAs = append(h.TLS.CAs, setting.CA)
	}
	if setting.Cert != "" {
		h.TLS.Pairs = append([]Pair{{setting.Cert, setting.Key}}, h.TLS.Pairs...)
	}
	return o.addCertificates(h)
}

// ParseMirror parses a mirror: HOST[:PORT][/PATH], https://… or http://….
func ParseMirror(text string) (Host, error) {
	h := Host{Mirror: true, Pull: true, Resolve: true}
	return h, h.parse(text, false)
}

// parse sets scheme, address and path. With override, the URL's path is used as the API's prefix
// unchanged.
func (h *Host) parse(text string, override bool) error {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q: want HOST[:PORT][/PATH], or an http or https URL", redact.Text(text))
	}
	if u.User != nil {
		return fmt.Errorf("%q: credentials belong in an auth file, not in a URL", redact.Text(text))
	}
	h.Scheme, h.Address, h.Path = u.Scheme, u.Host, strings.TrimSuffix(path.Clean("/"+u.Path), "/")
	if !override && !strings.HasSuffix(h.Path, "/v2") {
		h.Path += "/v2"
	}
	return nil
}
