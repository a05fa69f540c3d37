package version

import "testing"

func TestPublicRemote(t *testing.T) {
	for text, want := range map[string]string{
		"https://github.com/acme/acme.git":              "https://github.com/acme/acme",
		"https://me:s3cr3t@git.example.com:8443/a/b":    "https://git.example.com:8443/a/b",
		"https://git.example.com/a/b?token=s3cr3t#main": "https://git.example.com/a/b",
		"git@github.com:acme/acme.git":                  "https://github.com/acme/acme",
		"github.com:acme/acme/":                         "https://github.com/acme/acme",
		"ssh://git@git.example.com:2222/a/b.git":        "https://git.example.com/a/b",
		"/srv/git/acme.git":                             "",
		"../acme":                                       "",
		"file:///srv/git/acme":                          "",
		`C:\src\acme`:                                   "",
		"C:/src/acme":                                   "",
		"":                                              "",
		"https://%zz":                                   "",
	} {
		if got := publicRemote(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
