package dockerfile

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// IsURL reports whether ADD fetches the source by HTTP.
func IsURL(source string) bool {
	return (strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://")) && !IsGit(source)
}

// scpGit matches the scp-like form: git@github.com:owner/name.git.
var scpGit = regexp.MustCompile(`^[a-zA-Z0-9_-]+@[a-zA-Z0-9-.]+:.*$`)

// IsGit reports whether a source of ADD is a git repository, by the rules of BuildKit
// (frontend/dockerfile/dfgitutil).
func IsGit(source string) bool {
	if strings.HasPrefix(source, "git://") || strings.HasPrefix(source, "ssh://") || scpGit.MatchString(source) {
		return true
	}
	if !strings.HasPrefix(source, "http://") && !strings.HasPrefix(source, "https://") {
		return false
	}
	u, err := url.Parse(source)
	return err == nil && strings.HasSuffix(u.Path, ".git")
}

// ParseChecksum returns the hexadecimal digits of the value of --checksum, or "" if s
// is empty.
func ParseChecksum(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	hash, err := v1.NewHash(s)
	if err != nil || hash.Algorithm != "sha256" {
		return "", fmt.Errorf("--checksum=%s: want sha256: and 64 hexadecimal digits", s)
	}
	return hash.Hex, nil
}
