package verify

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/imagetest"
)

// pack does not decompress original layers: an archive has the image of the registry, right or wrong. verify finds a
// config with other diff IDs, as nodes do.
func TestOriginalLayersWithOtherDiffIDs(t *testing.T) {
	right := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"a": imagetest.Words(1, 10_000)}))
	config, err := right.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.RootFS.DiffIDs[0] = v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("1", 64)}
	wrong, err := mutate.ConfigFile(right, config)
	if err != nil {
		t.Fatal(err)
	}
	all := []pack.Image{{Names: []name.Reference{airgaptest.Ref(t, "docker.io/acme/app:v1")}, Image: wrong}}
	for codec, path := range airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{Layers: "original"}) {
		r, err := Archive(t.Context(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "has the diff ID") {
			t.Errorf("%s: problems %q", codec, r.Problems)
		}
	}
}
