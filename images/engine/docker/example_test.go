package docker_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/slipway-build/slipway/images/engine/docker"
	"github.com/slipway-build/slipway/images/store"
)

// Request an image that the Engine does not have: the error is fs.ErrNotExist.
func ExampleImage() {
	engine := httptest.NewServer(http.NotFoundHandler())
	defer engine.Close()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	content, err := store.Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer content.Close()
	options := docker.Options{Address: strings.Replace(engine.URL, "http://", "tcp://", 1)}
	_, err = docker.Image(context.Background(), options, content, "app:v1")
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output: true
}
