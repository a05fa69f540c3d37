package release

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

// A BuildKit has its cache beside the shared one. One that cannot be written does not fail the build.
func TestABuildKitHasItsCacheBesideTheSharedOne(t *testing.T) {
	imagetest.Program(t, "go")
	address := imagetest.Buildkit(t)
	r := makeRelease(t)
	for _, host := range []string{r.other, "127.0.0.1:1"} {
		b := r.open(func(o *Options) {
			o.Builder, o.BuildkitHost, o.Cache = "buildkit", address, t.TempDir()
			o.Shared.From.Texts = []string{"type=registry,ref=" + host + "/team/cache"}
			o.Shared.To.Texts = o.Shared.From.Texts
		})
		r.do(b, "build")
		b.Close()
	}
	resp, err := http.Get("http://" + r.other + "/v2/team/cache/tags/list")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"buildkit-acme-runtime-linux-amd64", "buildkit-acme-runtime-linux-arm64", "buildkit-acme-runtime-windows-amd64-ltsc2022"} {
		if !strings.Contains(string(raw), `"`+want+`"`) {
			t.Errorf("the cache has no %s: %s", want, raw)
		}
	}
}

// An image that names caches of its own has only those.
func TestCachesOfAnImageTakePrecedence(t *testing.T) {
	r := makeRelease(t)
	r.options.Shared.From.Texts = []string{"type=registry,ref=registry.example.com/team/cache"}
	b := r.open(func(o *Options) { o.Builder = "buildkit" })
	defer b.Close()
	step := b.Plan.Images[0]
	if got := b.engineOptions(step).CacheFrom; !slices.Equal(got, []string{"type=registry,ref=registry.example.com/team/cache:buildkit-acme-runtime-linux-amd64"}) {
		t.Errorf("the engine reads %q", got)
	}
	step.CacheFrom = []string{"type=inline"}
	if got := b.engineOptions(step).CacheFrom; !slices.Equal(got, step.CacheFrom) {
		t.Errorf("the engine reads %q", got)
	}
}
