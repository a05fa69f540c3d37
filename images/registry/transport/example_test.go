package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	server "github.com/google/go-containerregistry/pkg/registry"

	"github.com/slipway-build/slipway/images/credentials"
	"github.com/slipway-build/slipway/images/registry/transport"
)

// Request a manifest from the mirrors of a registry, and then from the registry itself, which does not have it.
func ExampleTransport_FromAny() {
	registry := httptest.NewServer(server.New(server.Logger(log.New(io.Discard, "", 0))))
	defer registry.Close()
	repo, err := name.NewRepository(strings.TrimPrefix(registry.URL, "http://") + "/acme/app")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	t := transport.New(transport.Options{Keys: credentials.New(credentials.Options{})})
	err = t.FromAny(repo, true, "image acme/app:v1", func(e *transport.Endpoint) error {
		r, err := e.NewRequest(ctx, http.MethodGet, "manifests", "v1")
		if err != nil {
			return err
		}
		return transport.Pace{}.Try(ctx, func() error {
			resp, err := e.Do(ctx, r, http.StatusOK)
			if err != nil {
				return err
			}
			return resp.Body.Close()
		})
	})
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output: true
}
