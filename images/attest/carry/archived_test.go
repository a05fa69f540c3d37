package carry

import (
	"context"
	"fmt"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/attest/proof"
)

// Several callers may look for layers at the same time.
func TestLookingForALayerDoesNotWrite(t *testing.T) {
	layers := []v1.Descriptor{{Size: 1}, {Size: 2}}
	i := &archivedImage{from: &archived{}, manifest: &v1.Manifest{Layers: layers[:1], Config: v1.Descriptor{Size: 3}}}
	if _, err := i.LayerByDigest(v1.Hash{Hex: "none"}); err == nil || layers[1].Size != 2 {
		t.Errorf("the element after the layers is %+v: %v", layers[1], err)
	}
}

// An archive from anywhere may list the same manifest for many images.
func TestManifestsOfAnArchiveAreLimited(t *testing.T) {
	raw := []byte(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.empty.v1+json","size":2},`+
		`"subject":{"mediaType":%q,"size":2,"digest":"sha256:%064d"},"layers":[]}`, types.OCIManifestSchema1, types.OCIManifestSchema1, 1))
	item := proof.Item{Kind: proof.Referrer, MediaType: string(types.OCIManifestSchema1), Digest: proof.Attachment{Content: raw}.Digest()}
	budget := NewBudget(int64(len(raw)) * 3)
	for n := 1; n <= 4; n++ {
		found, err := fromItems(t.Context(), []proof.Item{item}, func(context.Context, string, int64) ([]byte, error) { return raw, nil }, budget)
		switch {
		case n < 4 && (err != nil || len(found) != 1):
			t.Errorf("image %d: %v, %v", n, found, err)
		case n == 4 && (err == nil || !strings.Contains(err.Error(), "the attachments of one archive have more than 0 MiB")):
			t.Errorf("image %d: error %v", n, err)
		}
	}
}

func TestDocumentsAreLimited(t *testing.T) {
	raw, err := empty.Image.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	config, err := empty.Image.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	size := int64(len(raw) + len(config))
	for limit, want := range map[int64]bool{2 * size: true, 2*size - 1: false} {
		_, err := Documents(t.Context(), []Attachment{{Artifact: empty.Image}, {Artifact: empty.Image}}, nil, NewBudget(limit))
		if (err == nil) != want {
			t.Errorf("%d of %d bytes: %v", 2*size, limit, err)
		}
	}
}
