package rebuild

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/release"
)

// A download is resumed, ends at the limit, and names no secrets.
func TestWebsite(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100)
	ranges := []string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch ranges = append(ranges, r.Header.Get("Range")); {
		case r.URL.Path == "/missing":
			w.WriteHeader(http.StatusNotFound)
		case r.URL.Path == "/secret":
			w.WriteHeader(http.StatusForbidden)
		case r.Header.Get("Range") == "" && len(ranges) == 1:
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(content[:300])
		default:
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		}
	}))
	t.Cleanup(server.Close)
	w, err := openWebsite(strings.Replace(server.URL, "http://", "http://user:s3cr3t@", 1)+"/?X-Amz-Signature=5ec7e7", 1500)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	get := func(name string) (string, error) {
		file, done, err := w.File(t.Context(), release.Made{Path: "dist/artifacts/" + name})
		defer done()
		if err != nil {
			if strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "5ec7e7") {
				t.Errorf("%s: a secret is in %v", name, err)
			}
			return "", err
		}
		raw, err := os.ReadFile(file)
		return string(raw), err
	}
	if got, err := get("app"); err != nil || got != string(content) || len(ranges) != 2 || ranges[1] != "bytes=300-" {
		t.Errorf("%v, %d bytes with the ranges %q", err, len(got), ranges)
	}
	if _, err := get("missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := get("secret"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused file: %v", err)
	}
	if _, err := get("app"); err == nil || !strings.Contains(err.Error(), "more than 500 bytes; SLIPWAY_UNPACK_LIMIT limits the downloads") {
		t.Errorf("a file beyond the limit: %v", err)
	}
}

func TestComparisonsNameNoSecrets(t *testing.T) {
	files := map[string]string{"tool": "tool"}
	comparison, err := compareSides(t.Context(), "https://user:s3cr3t@example.com/v1?X-Amz-Signature=5ec7e7", makeDist(t, files), makeDist(t, files), nil, 0)
	if err != nil || strings.Contains(comparison.With, "s3cr3t") || strings.Contains(comparison.With, "5ec7e7") || !strings.Contains(comparison.With, "example.com/v1") {
		t.Errorf("%v, %s", err, comparison.With)
	}
}

func TestAgainstNamesNoSecrets(t *testing.T) {
	open := func(context.Context, string) (v1.Image, v1.ImageIndex, string, func() error, error) {
		return nil, nil, "", nil, errors.New("GET https://user:s3cr3t@example.com/v2/: refused")
	}
	for _, where := range []string{"https://user:s3cr3t@:bad port/v1", "user:s3cr3t@example.com/app:v1", "./user:s3cr3t@example.com"} {
		_, _, err := files(t.Context(), where, Request{Options: release.Options{Project: t.TempDir()}})
		if err == nil {
			_, _, err = published(t.Context(), Request{Open: open}, where, nil)
		}
		if err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", where, err)
		}
	}
}
