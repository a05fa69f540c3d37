package session_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/images/engine/session"
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
		want session.Secret
		err  string
	}{
		{in: "id=a,src=" + file, want: session.Secret{ID: "a", File: file}},
		{in: "id=a,type=file,source=" + file, want: session.Secret{ID: "a", File: file}},
		{in: "id=a,env=SET", want: session.Secret{ID: "a", Value: []byte("value of SET")}},
		{in: "id=a,type=env,src=SET", want: session.Secret{ID: "a", Value: []byte("value of SET")}},
		{in: "id=SETTER", want: session.Secret{ID: "SETTER", Value: []byte("value of SETTER")}},
		{in: "SETTER", want: session.Secret{ID: "SETTER", Value: []byte("value of SETTER")}},
		{in: "id=" + file, want: session.Secret{ID: file, File: file}},
		{in: "src=" + file, err: "want id=NAME"},
		{in: "id=a,env=UNSET", err: "the variable UNSET is not set"},
		{in: "id=a,src=" + file + ",env=SET", err: "either src or env, not both"},
		{in: "id=a,src=" + file + ".none", err: syscall.ENOENT.Error()},
		{in: "id=a,type=vault", err: `type "vault": want file or env`},
		{in: "id=a,colour=red", err: `unknown key "colour"`},
		{in: "id=a,lone", err: `"lone": want key=value`},
	} {
		got, err := session.ParseSecret(c.in, lookup)
		checkParsed(t, c.in, got, c.want, err, c.err)
	}
}

func TestParseAgent(t *testing.T) {
	for _, c := range []struct {
		in, socket string
		want       session.Agent
		err        string
	}{
		{"default", "/s", session.Agent{ID: "default", Paths: []string{"/s"}}, ""},
		{"default", "", session.Agent{}, "SSH_AUTH_SOCK is not set"},
		{"git=/a,/b", "/s", session.Agent{ID: "git", Paths: []string{"/a", "/b"}}, ""},
		{"", "/s", session.Agent{}, "want default"},
	} {
		got, err := session.ParseAgent(c.in, c.socket)
		checkParsed(t, c.in, got, c.want, err, c.err)
	}
}

func TestParseCache(t *testing.T) {
	for _, c := range []struct {
		in   string
		want session.Cache
		err  string
	}{
		{"type=registry,ref=example.com/cache:1,mode=max", session.Cache{Type: "registry", Attrs: map[string]string{"ref": "example.com/cache:1", "mode": "max"}}, ""},
		{"example.com/cache:1", session.Cache{Type: "registry", Attrs: map[string]string{"ref": "example.com/cache:1"}}, ""},
		{"type=local,dest=/c", session.Cache{Type: "local", Attrs: map[string]string{"dest": "/c"}}, ""},
		{"type=inline", session.Cache{Type: "inline", Attrs: map[string]string{}}, ""},
		{"type=registry", session.Cache{}, "type registry needs ref="},
		{"type=local", session.Cache{}, "type local needs src=… or dest="},
		{"ref=x", session.Cache{}, "missing type: registry"},
		{"Not A Reference", session.Cache{}, "want type=registry"},
	} {
		got, err := session.ParseCache(c.in)
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
