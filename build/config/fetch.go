package config

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/slipway-build/slipway/internal/redact"
)

// A Fetch is a file of another project; see build/fetch.
type Fetch struct {
	// Position is its location in slipway.yaml.
	Position Position `yaml:"-" json:"-"`

	URL     string   `yaml:"url" json:"url" required:"true" doc:"where the file is: https://…, http://… or file:///…"`
	SHA256  string   `yaml:"sha256" json:"sha256" required:"true" pattern:"^[0-9a-fA-F]{64}$" doc:"SHA-256 of the file, in hexadecimal"`
	Path    string   `yaml:"path" json:"path" required:"true" doc:"path of the file, or with unpack of the folder for the content of the archive"`
	Mode    string   `yaml:"mode" json:"mode,omitempty" doc:"octal mode of the file; default: 0644"`
	Unpack  bool     `yaml:"unpack" json:"unpack,omitempty" doc:"unpack the file, a zip or a tar, compressed or not"`
	Include []string `yaml:"include" json:"include,omitempty" doc:"with unpack: names and patterns (*, **, !) of the files in the archive to unpack; default: all" example:"[\"*/helm\", \"!**/*.md\"]"`
	Strip   int      `yaml:"strip-components" json:"stripComponents,omitempty" doc:"with unpack: leading elements to remove from the names in the archive; files with fewer are omitted"`
}

var sha256Shape = regexp.MustCompile(`^[0-9a-f]{64}$`)

// fetches checks the files to fetch.
func (v *validator) fetches() {
	places := map[string]string{}
	for i := range v.config.Fetch {
		f, at := &v.config.Fetch[i], fmt.Sprintf("fetch[%d]", i)
		v.fetchURL(at+".url", f.URL)
		f.SHA256 = strings.ToLower(f.SHA256)
		v.shape(at+".sha256", f.SHA256, sha256Shape, "64 hexadecimal digits, as sha256sum prints them")
		if f.Path != "" && v.inside(at+".path", f.Path) {
			if place := path.Clean(f.Path); place == "." || place == "dist" {
				v.wrong(at+".path", "%q: want a file or folder of its own", f.Path)
			} else if other, ok := places[place]; ok && !f.Unpack {
				v.wrong(at+".path", "%s is already the path of %s", f.Path, other)
			} else {
				places[place] = at
			}
		}
		v.unpacking(at, f)
	}
}

// fetchURL checks the URL of a file to fetch. The decoder has already reported a missing URL.
func (v *validator) fetchURL(at, text string) {
	if text == "" {
		return
	}
	switch u, err := url.Parse(text); {
	case err != nil:
		v.wrong(at, "%s", redact.Text(err.Error()))
	case u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "file":
		v.wrong(at, "%q: want a URL that begins with https://, http:// or file:///", redact.Text(text))
	case u.Scheme == "file" && (u.Host != "" || !path.IsAbs(u.Path)):
		v.wrong(at, "%q: want file:/// and an absolute path", text)
	case u.Scheme != "file" && u.Host == "":
		v.wrong(at, "%q: missing host", text)
	}
}

// unpacking checks keys that are allowed either only with unpack, or only without.
func (v *validator) unpacking(at string, f *Fetch) {
	if f.Mode != "" && !modeShape.MatchString(f.Mode) {
		v.wrong(at+".mode", "%q: want an octal mode, such as 0755", f.Mode)
	}
	v.patterns(at+".include", f.Include)
	if f.Strip < 0 {
		v.wrong(at+".strip-components", "%d: want zero or more", f.Strip)
	}
	for _, key := range []string{"include", "strip-components"} {
		if v.given(at+"."+key) && !f.Unpack {
			v.wrong(at+"."+key, "only an archive has it: add unpack: true")
		}
	}
	if v.given(at+".mode") && f.Unpack {
		v.wrong(at+".mode", "the archive determines the modes of its files: remove this key")
	}
}
