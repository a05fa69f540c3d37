//go:build unix

package hosts

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Opening a named pipe blocks until a process writes to it, and signals do not interrupt it.
func TestPipesInsteadOfKeysAreRefused(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.pem")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]TLS{
		"a CA": {CAs: []string{pipe}}, "a certificate": {Pairs: []Pair{{Cert: pipe}}}, "a key": {Pairs: []Pair{{Cert: "hosts.go", Key: pipe}}},
	} {
		if _, err := c.Config(); err == nil || !strings.Contains(err.Error(), "named pipe") {
			t.Errorf("%s: %v, want an error about a named pipe", what, err)
		}
	}
}
