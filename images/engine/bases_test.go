package engine_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// oneImage is a Source whose image is not part of an index.
type oneImage struct{ only v1.Image }

func (o oneImage) Image(_ context.Context, _ string, platform v1.Platform) (v1.Image, error) {
	return o.only, images.BaseServes(o.only, nil, platform)
}

// A base that is not part of an index may be for another platform than the requested one, and its
// layers are used nevertheless. Docker Engine's own store refuses images for another operating
// system and configs without one.
func TestBasesOfOtherPlatforms(t *testing.T) {
	layer := imagetest.Layer(t, imagetest.Files{"base": "b"})
	for _, c := range []struct {
		name, platform string
		image          v1.Image
		warning        string
	}{
		{"another architecture", "linux/amd64", imagetest.Image(t, "linux/arm64", layer), `"linux/arm64", expected "linux/amd64"`},
		{"another variant", "linux/amd64", imagetest.Image(t, "linux/amd64/v3", layer), ""},
		{"none", "linux/arm64", imagetest.Silent(t, layer), ""},
		{"another system than the engine's", "darwin/ppc64le", imagetest.Image(t, "darwin/ppc64le", layer), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			build := buildOf(t, "FROM example.com/base\nCOPY a /\n", map[string]string{"a": "a"})
			build.Platform = imagetest.Platform(t, c.platform)
			embedded := &printed{}
			want, err := assemble.New(assemble.Options{Layers: openStore(t), Sources: oneImage{c.image}}).
				Assemble(progress.With(t.Context(), embedded), build)
			if err != nil {
				t.Fatal(err)
			}
			if c.warning != "" && !embedded.warns(c.warning) {
				t.Errorf("missing warning of the embedded builder: %s", embedded)
			}
			withEngines(t, func(t *testing.T, start starter) {
				out := &printed{}
				got, err := start(t, engine.Options{Sources: oneImage{c.image}}).Assemble(progress.With(t.Context(), out), build)
				if err != nil {
					t.Fatal(err)
				}
				if c.warning != "" && !out.warns(c.warning) {
					t.Errorf("missing warning: %s", out)
				}
				if diff := cmp.Diff(configOf(t, want), configOf(t, got)); diff != "" {
					t.Errorf("config (-embedded +engine):\n%s", diff)
				}
				wantFiles, _ := filesOf(t, want)
				gotFiles, _ := filesOf(t, got)
				if diff := cmp.Diff(untimed(wantFiles), untimed(gotFiles)); diff != "" {
					t.Errorf("files (-embedded +engine):\n%s", diff)
				}
			})
		})
	}
}
