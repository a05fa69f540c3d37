package hosts

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/slipway-build/slipway/internal/regular"
)

// TLS contains the CAs to trust and the client certificates to present. With the zero value, the
// CAs of the system (and of SSL_CERT_FILE and SSL_CERT_DIR) are trusted.
type TLS struct {
	// CAs are PEM files to trust in addition to the system's.
	CAs        []string
	Pairs      []Pair
	SkipVerify bool
}

// A Pair is a client certificate. Key is empty if the file of Cert contains it.
type Pair struct{ Cert, Key string }

// Config reads the files. For the zero value it returns nil. Errors name the file.
func (t TLS) Config() (*tls.Config, error) {
	if len(t.CAs) == 0 && len(t.Pairs) == 0 && !t.SkipVerify {
		return nil, nil
	}
	config := &tls.Config{InsecureSkipVerify: t.SkipVerify}
	if len(t.CAs) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		for _, file := range t.CAs {
			raw, err := regular.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("reading a CA: %w", err)
			}
			if !pool.AppendCertsFromPEM(raw) {
				return nil, fmt.Errorf("%s: not a PEM certificate", file)
			}
		}
		config.RootCAs = pool
	}
	for _, p := range t.Pairs {
		key := p.Key
		if key == "" {
			key = p.Cert
		}
		pair, err := loadPair(p.Cert, key)
		if err != nil {
			return nil, fmt.Errorf("client certificate %s with key %s: %w", p.Cert, key, err)
		}
		config.Certificates = append(config.Certificates, pair)
	}
	return config, nil
}

// loadPair is tls.LoadX509KeyPair for files that must be regular.
func loadPair(cert, key string) (tls.Certificate, error) {
	certPEM, err := regular.ReadFile(cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyPEM, err := regular.ReadFile(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certPEM, keyPEM)
}

// addCertificates adds the certificates in Docker's folders for the host.
func (o Options) addCertificates(h *Host) error {
	for _, folder := range o.folders(h.Address, false) {
		if _, err := os.Stat(filepath.Join(folder, hostsFileName)); err == nil {
			continue // containerd's folder, whose hosts.toml names the files
		}
		entries, err := os.ReadDir(folder)
		if err != nil {
			return fmt.Errorf("reading certificates of registry %s: %w", h.Address, err)
		}
		for _, e := range entries {
			file := filepath.Join(folder, e.Name())
			info, err := os.Stat(file)
			switch {
			case err != nil || !info.Mode().IsRegular():
			case strings.HasSuffix(e.Name(), ".crt"):
				h.TLS.CAs = append(h.TLS.CAs, file)
			case strings.HasSuffix(e.Name(), ".cert"):
				p := Pair{Cert: file, Key: strings.TrimSuffix(file, ".cert") + ".key"}
				if _, err := os.Stat(p.Key); errors.Is(err, fs.ErrNotExist) {
					p.Key = ""
				}
				h.TLS.Pairs = append(h.TLS.Pairs, p)
			}
		}
	}
	return nil
}

// folders returns the existing folders of a registry. A folder without permission to read counts as
// missing.
func (o Options) folders(registry string, withDefault bool) (found []string) {
	for _, dir := range o.Dirs {
		for _, name := range folderNames(registry, withDefault) {
			folder := filepath.Join(dir, name)
			if info, err := os.Stat(folder); err == nil && info.IsDir() {
				found = append(found, folder)
			}
		}
	}
	return found
}

func folderNames(registry string, withDefault bool) (names []string) {
	for _, name := range namesOf(registry) {
		if i := strings.LastIndexByte(name, ':'); i > 0 && !strings.HasSuffix(name, "]") {
			names = append(names, name[:i]+"_"+name[i+1:]+"_")
		}
		names = append(names, name)
	}
	if withDefault {
		names = append(names, "_default")
	}
	if runtime.GOOS == "windows" {
		for n, name := range names {
			names[n] = strings.ReplaceAll(name, ":", "")
		}
	}
	return names
}
