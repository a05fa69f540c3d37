package endpoint

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/regular"
)

// Supported schemes of addresses.
var (
	buildkitSchemes = []string{"unix", "tcp", "docker-container", "podman-container", "nerdctl-container", "kube-pod", "ssh", "npipe"}
	dockerSchemes   = []string{"unix", "tcp", "ssh", "npipe", "http", "https"}
)

// CheckBuildkit checks the syntax of a buildkitd's address without connecting.
func CheckBuildkit(address string) error {
	if err := check(address, buildkitSchemes); err != nil {
		return err
	}
	rest, ok := strings.CutPrefix(address, kubePod)
	if pod, _, _ := strings.Cut(rest, "?"); ok && (pod == "") == (Selector(address) == "") {
		return fmt.Errorf("address %q: want the name of a pod, kube-pod://NAME, or labels, kube-pod://?selector=app=buildkitd", address)
	}
	return nil
}

const kubePod = "kube-pod://"

// Selector returns the labels of an address that stands for all pods with these labels, or "".
func Selector(address string) string {
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(address, kubePod) {
		return ""
	}
	return u.Query().Get("selector")
}

// CheckDocker checks the syntax of a Docker Engine's address without connecting.
func CheckDocker(address string) error { return check(address, dockerSchemes) }

func check(address string, known []string) error {
	scheme, rest, _ := strings.Cut(address, "://")
	if !slices.Contains(known, scheme) || rest == "" {
		return fmt.Errorf("address %q: want %s://…, such as tcp://arm-builder:1234", address, strings.Join(known, "://…, "))
	}
	return nil
}

// TLS contains the paths of PEM files for a TLS connection. The zero value means none.
type TLS struct {
	// CACert verifies the engine; empty means the system's CAs.
	CACert string
	// Cert and Key are the client certificate and its key.
	Cert, Key string
	// ServerName is the expected name in the engine's certificate; empty means the host of the
	// address.
	ServerName string
}

// Check returns an error if a file cannot be read. The error names the file, which the library's
// would not.
func (t TLS) Check() error {
	for _, file := range []string{t.CACert, t.Cert, t.Key} {
		if file == "" {
			continue
		}
		if err := regular.Check(file); err != nil {
			return fmt.Errorf("reading the keys of the engine: %w", err)
		}
	}
	return nil
}
