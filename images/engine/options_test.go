package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/images/engine"
)

func TestParseSecret(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	lookup := func(name string) (string, bool) {
		return "value of " + name, strings.HasPrefix(name, "SET")
	}
	for _, c := range []struct {
		in   string
		want engine.Secret
		err  string
	}{
		{in: "id=a,src=" + file, want: engine.Secret{ID: "a", File: file}},
		{in: "id=a,type=file,source=" + file, want: engine.Secret{ID: "a", File: file}},
		{in: "id=a,env=SET", want: engine.Secret{ID: "a", Value: []byte("value of SET")}},
		{in: "id=a,type=env,src=SET", want: engine.Secret{ID: "a", Value: []byte("value of SET")}},
		{in: "id=SETTER", want: engine.Secret{ID: "SETTER", Value: []byte("value of SETTER")}},
		{in: "SETTER", want: engine.Secret{ID: "SETTER", Value: []byte("value of SETTER")}},
		{in: "id=" + file, want: engine.Secret{ID: file, File: file}},
		{in: "src=" + file, err: "want id=NAME"},
		{in: "id=a,env=UNSET", err: "the variable UNSET is not set"},
		{in: "id=a,src=" + file + ",env=SET", err: "either src or env, not both"},
		{in: "id=a,src=" + file + ".none", err: syscall.ENOENT.Error()},
		{in: "id=a,type=vault", err: `type "vault": want file or env`},
		{in: "id=a,colour=red", err: `unknown key "colour"`},
		{in: "id=a,lone", err: `"lone": want key=value`},
	} {
		got, err := engine.ParseSecret(c.in, lookup)
		checkParsed(t, c.in, got, c.want, err, c.err)
	}
}

func TestParseAgent(t *testing.T) {
	for _, c := range []struct {
		in, socket string
		want       engine.Agent
		err        string
	}{
		{"default", "/s", engine.Agent{ID: "default", Paths: []string{"/s"}}, ""},
		{"default", "", engine.Agent{}, "SSH_AUTH_SOCK is not set"},
		{"git=/a,/b", "/s", engine.Agent{ID: "git", Paths: []string{"/a", "/b"}}, ""},
		{"", "/s", engine.Agent{}, "want default"},
	} {
		got, err := engine.ParseAgent(c.in, c.socket)
		checkParsed(t, c.in, got, c.want, err, c.err)
	}
}

func TestParseCache(t *testing.T) {
	for _, c := range []struct {
		in   string
		want engine.Cache
		err  string
	}{
		{"type=registry,ref=example.com/cache:1,mode=max", engine.Cache{Type: "registry", Attrs: map[string]string{"ref": "example.com/cache:1", "mode": "max"}}, ""},
		{"example.com/cache:1", engine.Cache{Type: "registry", Attrs: map[string]string{"ref": "example.com/cache:1"}}, ""},
		{"type=local,dest=/c", engine.Cache{Type: "local", Attrs: map[string]string{"dest": "/c"}}, ""},
		{"type=inline", engine.Cache{Type: "inline", Attrs: map[string]string{}}, ""},
		{"type=registry", engine.Cache{}, "type registry needs ref="},
		{"type=local", engine.Cache{}, "type local needs src=… or dest="},
		{"ref=x", engine.Cache{}, "missing type: registry"},
		{"Not A Reference", engine.Cache{}, "want type=registry"},
	} {
		got, err := engine.ParseCache(c.in)
		checkParsed(t, c.in, got, c.want, err, c.err)
	}
}

func checkParsed[T any](t *testing.T, in string, got, want T, err error, wantErr string) {
	t.Helper()
	switch {
	case wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)):
		t.Errorf("%q: got the error %v, want %q", in, err, wantErr)
	case wantErr == "" && err != nil:
		t.Errorf("%q: %v", in, err)
	case wantErr == "":
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}
