package redact

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	for _, c := range []struct{ text, want string }{
		{"GET https://me:pa55@host/v2/: no", "GET https://***@host/v2/: no"},
		{"https://ghp_abc@github.com/a/b.git", "https://***@github.com/a/b.git"},
		{"https://me:p@ss@host:5000/x", "https://***@host:5000/x"},
		{`parse "http://me:pa/ss@host/x": invalid port ":pa"`, `parse "http://***@host/x": invalid port ":pa"`},
		{"me:pa55@reg.example/x:v1 is not a reference", "***@reg.example/x:v1 is not a reference"},
		{"me:pa55@localhost:5000/x", "***@localhost:5000/x"},
		{"me:pa55@reg:5000/x", "***@reg:5000/x"},
		{"ssh://git@github.com/a/b", "ssh://git@github.com/a/b"},
		{"git@github.com:a/b", "git@github.com:a/b"},
		{"x:v1@" + digest, "x:v1@" + digest},
		{"docker-image://host:5000/x@" + digest, "docker-image://host:5000/x@" + digest},
		{"http://host:5000/x@" + digest, "http://host:5000/x@" + digest},
		{"a <a@b.example>, golang.org/x/mod@v0.41.0", "a <a@b.example>, golang.org/x/mod@v0.41.0"},
		{"Authorization: Bearer abc", "Authorization: Bearer ***"},
		{`{"Authorization":"Basic bWU6cGE="}`, `{"Authorization":"Basic ***"}`},
		{"you sent bearer eyJhbGciOi.x.y", "you sent bearer ***"},
		{"Bearer authentication is needed", "Bearer authentication is needed"},
		{"basic access", "basic access"},
		{"https://s3/b?X-Amz-Algorithm=A&X-Amz-Signature=00ff&digest=" + digest, "https://s3/b?X-Amz-Algorithm=A&X-Amz-Signature=***&digest=" + digest},
		{"https://b.blob/x?se=2026&sig=a%2Fb%3D", "https://b.blob/x?se=2026&sig=***"},
	} {
		if got := Text(c.text); got != c.want {
			t.Errorf("%q becomes %q; want %q", c.text, got, c.want)
		}
		if got := Text(Text(c.text)); got != c.want {
			t.Errorf("twice: %q becomes %q", c.text, got)
		}
	}
}

func TestSecretsAreFoundInEveryForm(t *testing.T) {
	const password = `pa ss/"wörd`
	var s Secrets
	encoded := base64.StdEncoding.EncodeToString([]byte("me:" + password))
	s.Add(password, encoded, "")
	for _, text := range []string{password, "pa+ss%2F%22w%C3%B6rd", `pa ss/\"wörd`, encoded} {
		if got := s.Text("said " + text + " again"); got != "said *** again" {
			t.Errorf("%q becomes %q", text, got)
		}
	}
	s.Add("abc")
	if got := s.Text("abcd"); got != "abcd" {
		t.Errorf("a secret of three bytes is replaced: %q", got)
	}
	s.Add("abcdef", "abcdefgh")
	if got := s.Text("abcdefgh"); got != "***" {
		t.Errorf("got %q", got)
	}
}
