package version

import (
	"context"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
)

// scpForm matches the short form of an ssh URL, USER@HOST:PATH.
var scpForm = regexp.MustCompile(`^(?:[^/@:]+@)?([^/:@]+):([^/].*)$`)

// Remote returns the URL of the remote origin of the checkout that contains dir, as anyone may spell it: https, without
// credentials and without .git. If origin is another checkout on this machine, as for the clone of a clone, it is the
// remote of that one. It is empty if there is none.
func Remote(ctx context.Context, dir string) string {
	for range maxClones {
		text, err := git(ctx, dir, "config", "--get", "remote.origin.url")
		if err != nil {
			return "" // no repository, or no such remote
		}
		text = strings.TrimSpace(text)
		if remote := publicRemote(text); remote != "" {
			return remote
		}
		local := strings.TrimPrefix(text, "file://")
		if !filepath.IsAbs(local) {
			local = filepath.Join(dir, local)
		}
		dir = local
	}
	return ""
}

// maxClones is how many clones of clones are followed: two may have each other as origin.
const maxClones = 4

func publicRemote(text string) string {
	if m := scpForm.FindStringSubmatch(text); m != nil && !strings.Contains(text, "://") && len(m[1]) > 1 { // not C:\path
		text = "ssh://" + m[1] + "/" + m[2]
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	host := u.Host
	switch u.Scheme {
	case "https", "http":
	case "ssh", "git", "git+ssh":
		host = u.Hostname() // the port is that of ssh
	default:
		return ""
	}
	return (&url.URL{Scheme: "https", Host: host, Path: strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), ".git")}).String()
}
