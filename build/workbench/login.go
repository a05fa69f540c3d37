package workbench

import (
	"context"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images/hosts"
	"github.com/slipway-build/slipway/internal/usage"
)

// maxPassword limits the length of a password, in bytes. Tokens are shorter.
const maxPassword = 64 << 10

// Login reads the password of user from in, checks both with the registry, stores them, and returns where: a file or a
// credential helper. A newline at the end is not part of the password.
func (w *Workbench) Login(ctx context.Context, registry, user string, in io.Reader) (where string, err error) {
	r, err := parseRegistryHost(registry)
	if err != nil {
		return "", err
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxPassword+1))
	if err != nil {
		return "", err
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	switch {
	case password == "":
		return "", usage.Errorf("missing password: standard input is empty")
	case len(raw) > maxPassword || strings.ContainsAny(password, "\r\n"):
		return "", usage.Errorf("invalid password: standard input has several lines")
	}
	return w.Registry.Login(ctx, r, user, password)
}

// Logout removes the credentials of a registry, and returns where they were stored.
func (w *Workbench) Logout(registry string) (where string, err error) {
	r, err := parseRegistryHost(registry)
	if err != nil {
		return "", err
	}
	return w.Registry.Logout(r)
}

func parseRegistryHost(registry string) (name.Registry, error) {
	if err := hosts.CheckName(registry); err != nil {
		return name.Registry{}, usage.Wrap(err)
	}
	return name.NewRegistry(registry)
}
