package release

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// A tag is looked up where slipway.yaml publishes that version, under the names that its files have there.
func TestPlacesAreThoseOfTheVersion(t *testing.T) {
	t.Parallel()
	r := makeRelease(t)
	url, _ := startS3(t)
	r.configure("  - {directory: released}\n", `  - s3:
      bucket: builds
      prefix: acme/${VERSION}/
      endpoint: "`+url+`"
      region: us-east-1
      name: "${ARTIFACT_STEM}-build1${ARTIFACT_EXT}"
      files: ["sha256sum*"]
    report: true
    credentials: {username: "${KEY}", password: "${SECRET}"}
`)
	r.env["KEY"], r.env["SECRET"] = "key", "secret"
	r.run("package")
	r.run("publish", "artifacts")
	r.env["TAG"] = "v1.2.4+acme1" // of this run
	o := r.open().options
	o.Config = filepath.Join(r.dir, "slipway.yaml")
	version, places, err := Places(t.Context(), o, "v1.2.3+acme1")
	if err != nil || version != "v1.2.3+acme1" || len(places) != 1 || places[0].Name != "S3 bucket builds/acme/v1.2.3+acme1" {
		t.Fatalf("got %s, %+v, %v", version, places, err)
	}
	_, address, err := places[0].Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"sha256sum-amd64.txt": "  acme", "artifacts.json": `"version": "v1.2.3+acme1"`} {
		at, err := address(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.Get(at)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if raw, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(raw), want) {
			t.Errorf("%s: %q, %v", at, raw, err)
		}
	}
}
