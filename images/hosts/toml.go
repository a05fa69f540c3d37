package hosts

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/regular"
)

const hostsFileName = "hosts.toml"

// hostsFile returns the path of the registry's hosts.toml, or "".
func (o Options) hostsFile(registry string) (string, error) {
	for _, folder := range o.folders(registry, true) {
		file := filepath.Join(folder, hostsFileName)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
			return file, nil
		}
	}
	return "", nil
}

// A tomlHost is a table of hosts.toml. Unknown keys, such as those of later versions of containerd,
// are ignored.
type tomlHost struct {
	Capabilities []string       `toml:"capabilities"`
	CA           any            `toml:"ca"`
	Client       any            `toml:"client"`
	SkipVerify   bool           `toml:"skip_verify"`
	Header       map[string]any `toml:"header"`
	OverridePath bool           `toml:"override_path"`
	DialTimeout  string         `toml:"dial_timeout"`
}

// readHostsFile returns the hosts of hosts.toml in the order of the file. The last one is its
// server, or else the registry itself.
func readHostsFile(file, registry string) ([]Host, error) {
	var read struct {
		tomlHost
		Server string              `toml:"server"`
		Host   map[string]tomlHost `toml:"host"`
	}
	raw, err := regular.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the hosts of registry %s: %w", registry, err)
	}
	meta, err := toml.Decode(string(raw), &read)
	if err != nil {
		var where toml.ParseError
		if errors.As(err, &where) {
			return nil, fmt.Errorf("%s:%d: %s", file, where.Position.Line, where.Message)
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var hosts []Host
	seen := map[string]bool{}
	for _, key := range meta.Keys() {
		if len(key) < 2 || key[0] != "host" || seen[key[1]] {
			continue
		}
		seen[key[1]] = true
		h := Host{Mirror: true}
		if err := h.fromTOML(key[1], read.Host[key[1]], filepath.Dir(file)); err != nil {
			return nil, fmt.Errorf("%s: host %q: %w", file, redact.Text(key[1]), err)
		}
		hosts = append(hosts, h)
	}
	server := Host{Address: registry, Path: "/v2"}
	if err := server.fromTOML(read.Server, read.tomlHost, filepath.Dir(file)); err != nil {
		return nil, fmt.Errorf("%s: server %q: %w", file, redact.Text(read.Server), err)
	}
	return append(hosts, server), nil
}

func (h *Host) fromTOML(address string, t tomlHost, dir string) (err error) {
	if address != "" {
		if err := h.parse(address, t.OverridePath); err != nil {
			return err
		}
	}
	// A host without capabilities has all of them, except that writing to a mirror requires the
	// explicit capability.
	h.Pull, h.Resolve, h.Push = len(t.Capabilities) == 0, len(t.Capabilities) == 0, len(t.Capabilities) == 0 && !h.Mirror
	for _, c := range t.Capabilities {
		switch strings.ToLower(c) {
		case "pull":
			h.Pull = true
		case "resolve":
			h.Resolve = true
		case "push":
			h.Push = true
		case "referrers":
		default:
			return fmt.Errorf("capability %q: want pull, resolve, push or referrers", c)
		}
	}
	h.TLS.SkipVerify = t.SkipVerify
	if h.TLS.CAs, err = filesOf(t.CA, dir); err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	if h.TLS.Pairs, err = pairsOf(t.Client, dir); err != nil {
		return fmt.Errorf("client: %w", err)
	}
	for key, value := range t.Header {
		values, err := textsOf(value)
		if err != nil {
			return fmt.Errorf("header %s: %w", key, err)
		}
		if h.Header == nil {
			h.Header = http.Header{}
		}
		h.Header[http.CanonicalHeaderKey(key)] = values
	}
	if t.DialTimeout != "" {
		if h.DialTimeout, err = time.ParseDuration(t.DialTimeout); err != nil {
			return fmt.Errorf("dial_timeout: %w", err)
		}
	}
	return nil
}

// textsOf converts a string or a list of strings to a list.
func textsOf(value any) ([]string, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{value}, nil
	case []any:
		texts := make([]string, len(value))
		for n, v := range value {
			text, ok := v.(string)
			if !ok {
				return nil, fmt.Errorf("%v is not a string", v)
			}
			texts[n] = text
		}
		return texts, nil
	}
	return nil, fmt.Errorf("%v is not a string or a list of strings", value)
}

// filesOf returns paths, resolved against the folder of hosts.toml.
func filesOf(value any, dir string) ([]string, error) {
	files, err := textsOf(value)
	for n, file := range files {
		if !filepath.IsAbs(file) {
			files[n] = filepath.Join(dir, file)
		}
	}
	return files, err
}

// pairsOf returns the client certificates in value: FILE, [FILE, …] or [[CERT, KEY], …].
func pairsOf(value any, dir string) (pairs []Pair, err error) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, v := range list {
		files, err := filesOf(v, dir)
		_, single := v.(string)
		switch {
		case err != nil:
			return nil, err
		case len(files) == 0:
		case len(files) == 2 && !single:
			pairs = append(pairs, Pair{files[0], files[1]})
		case single:
			pairs = append(pairs, Pair{Cert: files[0]})
		default:
			return nil, fmt.Errorf("%v is not a pair of certificate and key", v)
		}
	}
	return pairs, nil
}
