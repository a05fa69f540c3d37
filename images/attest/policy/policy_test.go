package policy

import (
	"strings"
	"testing"
)

func TestCheckRelease(t *testing.T) {
	for _, c := range []struct {
		version, minimum string
		want             bool
	}{
		{"v1.2.0", "v1.2.0", true},
		{"v1.10.0", "v1.9.0", true},
		{"v1.1.9", "v1.2.0", false},
		{"v1.2.0-rc1", "v1.2.0", false},
		{"v1.34.1+rke2r1", "v1.34.1+rke2r2", false},
		{"v1.34.1+rke2r10", "v1.34.1+rke2r9", true},
		{"v1.34.1+rke2r9", "v1.34.1+rke2r10", false},
		{"v1.34.1", "v1.34.1+rke2r1", false},
		{"v1.34.2", "v1.34.1+rke2r1", true},
		{"1.2.0", "v1.2.0", true},
		{"v1.1.0", "1.2.0", false},
		{"", "v1.0.0", false},
		{"main", "v1.0.0", false},
		{"main", "", true},
	} {
		err := Archive{Release: "acme", Minimum: c.minimum}.CheckRelease("acme", c.version)
		if (err == nil) != c.want {
			t.Errorf("version %q, minimum %q: %v", c.version, c.minimum, err)
		}
	}
	if err := (Archive{Release: "acme"}).CheckRelease("other", "v9.0.0"); err == nil {
		t.Error("another release is accepted")
	}
}

// A pattern that no repository can match would refuse every image without a reason.
func TestPatterns(t *testing.T) {
	for pattern, want := range map[string]string{
		"**":                               "docker.io/library/busybox registry.example.com:5000/a/b localhost/a",
		"docker.io/library/*":              "docker.io/library/busybox",
		"*/**":                             "docker.io/library/busybox registry.example.com:5000/a/b localhost/a",
		"localhost/a":                      "localhost/a",
		"registry.example.com*/**":         "registry.example.com:5000/a/b",
		"docker.io":                        "invalid",
		"acme/*":                           "invalid",
		"docker.io/**/busybox":             "invalid",
		"docker.io/library**":              "invalid",
		"docker.io/[":                      "invalid",
		"":                                 "invalid",
		"docker.io/library/busybox:1":      "invalid",
		"docker.io/library/*:*":            "invalid",
		"docker.io/library/busybox@sha256": "invalid",
		"docker.io/busybox":                "invalid",
		"docker.io/*":                      "invalid",
		"docker.io/**":                     "docker.io/library/busybox",
		"docker.io/library/**":             "docker.io/library/busybox",
		"docker.io/library/[a-c]?*":        "docker.io/library/busybox",
		"index.docker.io/**":               "invalid",
		"index.docker.io/library/busybox":  "invalid",
		"Docker.io/library/busybox":        "invalid",
		"docker.io/library/Busybox":        "invalid",
		"docker.io//busybox":               "invalid",
		"docker.io/library/":               "invalid",
		"docker.io/library/ busybox":       "invalid",
		"registry.example.com:5000/a/b":    "registry.example.com:5000/a/b",
		"https://docker.io/library/*":      "invalid",
	} {
		p := &Policy{Images: []Rule{{Repositories: []string{pattern}}}}
		var matched []string
		for _, repository := range []string{"docker.io/library/busybox", "registry.example.com:5000/a/b", "localhost/a"} {
			if _, ok := p.RuleFor(repository); ok {
				matched = append(matched, repository)
			}
		}
		got := strings.Join(matched, " ")
		if p.Validate() != nil {
			got = "invalid"
		}
		if got != want {
			t.Errorf("%q matches %q, want %q", pattern, got, want)
		}
	}
}
