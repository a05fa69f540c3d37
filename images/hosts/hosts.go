package hosts

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/internal/redact"
)

// A Host is a server of a registry: the registry itself, or a mirror of it.
type Host struct {
	// Scheme is http or https; empty if nobody said it.
	Scheme string
	// Address is the name or IP address, with a port if there is one.
	Address string
	// Path is what the API's paths begin with, such as /v2.
	Path string
	// Pull, Resolve and Push are what the host is for: content by digest, tags, and
	// writing.
	Pull, Resolve, Push bool
	Mirror              bool
	// Header goes with every request.
	Header      http.Header
	TLS         TLS
	DialTimeout time.Duration // 0 if nobody said it
}

// A Setting is what slipway.yaml, a flag or the environment says of a registry.
type Setting struct {
	PlainHTTP, SkipVerify bool
	CA, Cert, Key         string // files in PEM
	// Mirrors are asked before the registry, for whatever is pulled: HOST[:PORT][/PATH],
	// https://… or http://….
	Mirrors []string
}

// Options say where to look. The zero value knows nothing of any registry.
type Options struct {
	// Settings are by registry, as CanonicalName spells it. What they say goes before
	// what folders say.
	Settings map[string]Setting
	// Dirs hold a folder for each registry. The first that has a hosts.toml for it is
	// heeded, and certificates of all.
	Dirs []string
}

// hub has several names. The first is what people and hosts.toml call it.
var hub = []string{"docker.io", "index.docker.io", "registry-1.docker.io"}

// CanonicalName is the one name of a registry with several.
func CanonicalName(registry string) string {
	if slices.Contains(hub, registry) {
		return hub[0]
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

// namesOf are all names that a registry's folder may have.
func namesOf(registry string) []string {
	if slices.Contains(hub, registry) {
		return hub
	}
	return []string{registry}
}

// With returns the options with more settings. Of two for one registry, each value
// that s has goes before the other's.
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

// Of returns the hosts of a registry: its mirrors in the order in which they are to be
// asked, and then the server itself. Its errors name the file, and the line where
// there is one.
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

// complete adds what is known of a host under its own name.
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

// ParseMirror reads a mirror: HOST[:PORT][/PATH], https://… or http://….
func ParseMirror(text string) (Host, error) {
	h := Host{Mirror: true, Pull: true, Resolve: true}
	return h, h.parse(text, false)
}

// parse sets scheme, address and path. If it is an override, the URL's path is the
// API's as it stands.
func (h *Host) parse(text string, override bool) error {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q: want HOST[:PORT][/PATH], or a URL of http or https", redact.Text(text))
	}
	if u.User != nil {
		return fmt.Errorf("%q: credentials belong into an auth file, not into a URL", redact.Text(text))
	}
	h.Scheme, h.Address, h.Path = u.Scheme, u.Host, strings.TrimSuffix(path.Clean("/"+u.Path), "/")
	if !override && !strings.HasSuffix(h.Path, "/v2") {
		h.Path += "/v2"
	}
	return nil
}
