package assemble_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/images/imagetest"
)

// The time of a stage is that of the server's response, or the newest one in an archive, or none.
func TestEpochOfAStage(t *testing.T) {
	changed := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	archive := imagetest.Tar(t, imagetest.ParseListing(t, "-rw-r--r-- 0:0 a \"a\" @1000\n-rw-r--r-- 0:0 b \"b\" @2000\n")...)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/dated":
			w.Header().Set("Last-Modified", changed.Format(http.TimeFormat))
		case "/archive":
			_, _ = w.Write(archive)
		}
	}))
	t.Cleanup(server.Close)
	for path, want := range map[string]time.Time{"/dated": changed, "/archive": time.Unix(2000, 0), "/other": time.Unix(0, 0)} {
		t.Run(path[1:], func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "Dockerfile")
			text := "ARG SOURCE_DATE_EPOCH=when\nFROM scratch AS when\nARG HOST\nADD ${HOST}" + path + " /\nFROM scratch\nLABEL a=b\n"
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			img, err := assemble.New(assemble.Options{Layers: openStore(t)}).Assemble(t.Context(), images.BuildContext{
				Dir: dir, Dockerfile: file, Platform: imagetest.Platform(t, "linux/amd64"), Args: map[string]string{"HOST": server.URL},
			})
			if err != nil {
				t.Fatal(err)
			}
			config, err := img.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if !config.Created.Equal(want) {
				t.Errorf("created %v, want %v", config.Created, want)
			}
		})
	}
}
