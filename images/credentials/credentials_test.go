package credentials

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
)

const secret = "open-sesame"

func encoded(user string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + secret))
}

// write writes an auth file, and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func auths(pairs ...string) string {
	found := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		found[pairs[i]] = map[string]string{"auth": encoded(pairs[i+1])}
	}
	raw, _ := json.Marshal(map[string]any{"auths": found})
	return string(raw)
}

func TestCredentialsAreNamedWithoutTheirSecrets(t *testing.T) {
	for _, c := range []struct {
		auth authn.AuthConfig
		want string
	}{
		{authn.AuthConfig{}, "no credentials"},
		{authn.AuthConfig{Username: "bob", Password: secret}, "user bob of here"},
		{authn.AuthConfig{Auth: encoded("bob")}, "user bob of here"},
		{authn.AuthConfig{IdentityToken: secret}, "the identity token of here"},
		{authn.AuthConfig{Username: "<token>", IdentityToken: secret}, "the identity token of here"},
		{authn.AuthConfig{RegistryToken: secret}, "the token of here"},
	} {
		if got := (Key{AuthConfig: c.auth, From: "here"}).String(); got != c.want {
			t.Errorf("%q; want %q", got, c.want)
		}
	}
}

func TestDockerHubHasSeveralNames(t *testing.T) {
	for _, host := range []string{"docker.io", "index.docker.io", "registry-1.docker.io", "https://index.docker.io/v1/"} {
		for _, asked := range []string{"docker.io", "index.docker.io", "registry-1.docker.io"} {
			if k := New(Options{Files: []string{write(t, "config.json", auths(host, "bob"))}}).Key(asked, "rancher/x"); k.Username != "bob" {
				t.Errorf("%s in a file, asked for %s: %v", host, asked, k)
			}
			if k := New(Options{Given: map[string]authn.AuthConfig{host: {Username: "bob"}}}).Key(asked, ""); k.Username != "bob" {
				t.Errorf("%s given, asked for %s: %v", host, asked, k)
			}
		}
	}
}

func TestFirstFileWithCredentialsIsUsed(t *testing.T) {
	first := write(t, "auth.json", auths("reg.example/team/app", "app", "reg.example/team", "team", "other.example", "first"))
	second := write(t, "config.json", auths("reg.example", "host", "other.example", "second", "quay.io", "quay"))
	files := []string{filepath.Join(t.TempDir(), "none.json"), write(t, "auth.json", "{"), first, second}
	keys := New(Options{Files: files, Given: map[string]authn.AuthConfig{
		"given.example": {Username: "given"}, "given.example/team": {Username: "given team"}, "quay.io/team": {Username: "team of quay"},
		"index.docker.io/acme": {Username: "acme"}}})
	for at, want := range map[string]string{
		"reg.example/team/app": "app", "reg.example/team/app/sub": "app", "reg.example/team/apple": "team", "reg.example/x": "host",
		"other.example/x": "first", "quay.io/": "quay", "given.example/x": "given",
		"given.example/team/app": "given team", "given.example/teams": "given", "given.example/": "given", "quay.io/team": "team of quay",
		"quay.io/teams/app": "quay", "docker.io/acme/x": "acme", "docker.io/x": "", "reg.example:5000/team/app": "",
	} {
		registry, repository, _ := strings.Cut(at, "/")
		if k := keys.Key(registry, repository); k.Username != want {
			t.Errorf("%s: %q; want %q", at, k.Username, want)
		}
	}
	if k := keys.Key("unknown.example", "x"); k.Trouble == nil || !strings.Contains(k.Trouble.Error(), files[1]) {
		t.Errorf("trouble %v; want an error for the unreadable file", k.Trouble)
	}
}

func TestLoginWritesAsDockerAndPodmanDo(t *testing.T) {
	for _, c := range []struct{ file, registry, key string }{
		{"config.json", "reg.example:5000", "reg.example:5000"},
		{"config.json", "docker.io", "https://index.docker.io/v1/"},
		{"auth.json", "index.docker.io", "docker.io"},
	} {
		file := filepath.Join(t.TempDir(), "new", c.file)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(`{"auths":{"kept.example":{"auth":"`+encoded("eve")+`"}},"HttpHeaders":{"X":"y"}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		where, err := New(Options{Files: []string{file, "/none"}}).Store(c.registry, "bob", secret)
		if err != nil || where != file {
			t.Fatalf("%s, %v", where, err)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var written struct {
			Auths map[string]struct{ Auth string }
			HTTP  map[string]string `json:"HttpHeaders"`
		}
		if err := json.Unmarshal(raw, &written); err != nil {
			t.Fatal(err)
		}
		if written.Auths[c.key].Auth != encoded("bob") || written.Auths["kept.example"].Auth != encoded("eve") || written.HTTP["X"] != "y" {
			t.Errorf("%+v: %s", c, raw)
		}
		if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		keys := New(Options{Files: []string{file}})
		if k := keys.Key(c.registry, "x"); k.Username != "bob" || k.Password != secret {
			t.Errorf("%+v: found %v", c, k)
		}
		if _, err := keys.Erase(c.registry); err != nil {
			t.Fatal(err)
		}
		if k := New(Options{Files: []string{file}}).Key(c.registry, "x"); k.Known() {
			t.Errorf("%+v: found %v after it was erased", c, k)
		}
	}
}

func TestCredentialHelperIsUsed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the helper is a shell script")
	}
	bin := t.TempDir()
	// By the protocol, a helper writes messages to standard output, with an exit status.
	script := `#!/bin/sh
read -r key
case "$1 $key" in
"get user.example") echo '{"ServerURL":"user.example","Username":"bob","Secret":"'"$TOLD"'"}' ;;
"get token.example") echo '{"Username":"<token>","Secret":"t0ken"}' ;;
"get none.example") echo "credentials not found in native keychain"; exit 1 ;;
*) echo "locked"; echo "ask the administrator" >&2; exit 1 ;;
esac
`
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-test"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("TOLD", secret) // helpers inherit the environment, which locates their store
	keys := New(Options{Files: []string{write(t, "config.json", `{"credsStore":"test"}`)}})
	if k := keys.Key("user.example", "x"); k.Username != "bob" || k.Password != secret || k.Trouble != nil {
		t.Errorf("user.example: %+v", k)
	}
	if k := keys.Key("token.example", "x"); k.IdentityToken != "t0ken" || k.Username != "" {
		t.Errorf("token.example: %+v", k)
	}
	if k := keys.Key("none.example", "x"); k.Known() || k.Trouble != nil {
		t.Errorf("none.example: %+v", k)
	}
	if k := keys.Key("broken.example", "x"); k.Trouble == nil || !strings.Contains(k.Trouble.Error(), "locked") || !strings.Contains(k.Trouble.Error(), "ask the administrator") {
		t.Errorf("broken.example: %v", k.Trouble)
	}
}

func TestLoginPassesThePasswordToAHelper(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the helper is a shell script")
	}
	bin := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\ncat >'%s'/$1\n", bin)
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-test"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	file := write(t, "config.json", `{"credHelpers":{"reg.example":"test"}}`)
	where, err := New(Options{Files: []string{file}}).Store("reg.example", "bob", secret)
	if err != nil || where != "docker-credential-test" {
		t.Fatalf("%s, %v", where, err)
	}
	told, err := os.ReadFile(filepath.Join(bin, "store"))
	if err != nil || !strings.Contains(string(told), secret) {
		t.Errorf("the helper received %q, %v", told, err)
	}
	if raw, err := os.ReadFile(file); err != nil || strings.Contains(string(raw), secret) || strings.Contains(string(raw), encoded("bob")) {
		t.Errorf("the file contains %s, %v", raw, err)
	}
}
