package process

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAllowed(t *testing.T) {
	allowed := Basic.And("GIT_DIR", "GIT_CONFIG_KEY_*", "HTTPS_PROXY")
	environ := []string{"PATH=/bin", "HOME=/root", "git_config_key_0=a", "GIT_CONFIG_KEY_12=b", "https_proxy=http://p", "GIT_DIR=x=y",
		"GITHUB_TOKEN=s", "DOCKER_PASSWORD=s", "AWS_SECRET_ACCESS_KEY=s", "PATHS=no", "GIT_DIRECTORY=no", "=C:=C:\\", "LD_PRELOAD=no"}
	given := slices.Clone(environ)
	want := []string{"PATH=/bin", "HOME=/root", "git_config_key_0=a", "GIT_CONFIG_KEY_12=b", "https_proxy=http://p", "GIT_DIR=x=y"}
	if diff := cmp.Diff(want, allowed.Of(environ)); diff != "" {
		t.Errorf("a child inherits (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(given, environ); diff != "" {
		t.Errorf("the caller's list changed:\n%s", diff)
	}
}

func TestWithhold(t *testing.T) {
	t.Setenv("SLIPWAY_TEST_SECRET", "s3cret")
	t.Setenv("SLIPWAY_TEST_EMPTY", "")
	t.Setenv("SLIPWAY_TEST_PLAIN", "plain")
	lookup := Withhold("SLIPWAY_TEST_SECRET", "SLIPWAY_TEST_EMPTY", "SLIPWAY_TEST_MISSING")
	if environ := strings.Join(os.Environ(), "\n"); strings.Contains(environ, "s3cret") || strings.Contains(environ, "SLIPWAY_TEST_EMPTY") {
		t.Error("a child would inherit the secret")
	}
	for name, want := range map[string]string{"SLIPWAY_TEST_SECRET": "s3cret", "SLIPWAY_TEST_EMPTY": "", "SLIPWAY_TEST_PLAIN": "plain"} {
		if got, ok := lookup(name); !ok || got != want {
			t.Errorf("%s is %q, %v; want %q", name, got, ok, want)
		}
	}
	if _, ok := lookup("SLIPWAY_TEST_MISSING"); ok {
		t.Error("a variable that was not set is found")
	}
}

func TestInterrupted(t *testing.T) {
	why := &Interruption{15}
	for _, c := range []struct {
		name  string
		cause error
		want  int
	}{
		{"by a signal", why, 143},
		{"by mage", nil, 130},
		{"by something else", errors.New("disk full"), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			if Interrupted(ctx) != nil {
				t.Error("interrupted before the signal")
			}
			cancel(c.cause)
			got := 0
			if i := Interrupted(ctx); i != nil {
				got = i.ExitStatus()
			}
			if got != c.want {
				t.Errorf("the exit status is %d, want %d", got, c.want)
			}
		})
	}
	if !errors.Is(why, context.Canceled) {
		t.Error("an interruption is not a context.Canceled")
	}
}
