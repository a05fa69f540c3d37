package images_test

import (
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
)

func TestLayerTypes(t *testing.T) {
	const oci, docker = "application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."
	for _, c := range []struct {
		is           types.MediaType
		compression  string
		foreign      bool
		oci, dockers types.MediaType // result of Format.LayerLike
	}{
		{oci + "v1.tar", "none", false, oci + "v1.tar", docker + "diff.tar"},
		{oci + "v1.tar+gzip", "gzip", false, oci + "v1.tar+gzip", docker + "diff.tar.gzip"},
		{oci + "v1.tar+zstd", "zstd", false, oci + "v1.tar+zstd", docker + "diff.tar.zstd"},
		{docker + "diff.tar", "none", false, oci + "v1.tar", docker + "diff.tar"},
		{docker + "diff.tar.gzip", "gzip", false, oci + "v1.tar+gzip", docker + "diff.tar.gzip"},
		{docker + "diff.tar.zstd", "zstd", false, oci + "v1.tar+zstd", docker + "diff.tar.zstd"},
		{docker + "foreign.diff.tar", "none", true, oci + "nondistributable.v1.tar", docker + "foreign.diff.tar"},
		{docker + "foreign.diff.tar.gzip", "gzip", true, oci + "nondistributable.v1.tar+gzip", docker + "foreign.diff.tar.gzip"},
		{oci + "nondistributable.v1.tar", "none", true, oci + "nondistributable.v1.tar", docker + "foreign.diff.tar"},
		{oci + "nondistributable.v1.tar+gzip", "gzip", true, oci + "nondistributable.v1.tar+gzip", docker + "foreign.diff.tar.gzip"},
		{oci + "nondistributable.v1.tar+zstd", "zstd", true, oci + "nondistributable.v1.tar+zstd", ""},
		// Not layers of a file system.
		{oci + "v1.tar+gzip+encrypted", "", false, oci + "v1.tar+gzip+encrypted", oci + "v1.tar+gzip+encrypted"},
		{"application/vnd.in-toto+json", "", false, "application/vnd.in-toto+json", "application/vnd.in-toto+json"},
		{"", "", false, "", ""},
	} {
		if got := images.LayerCompression(c.is); got != c.compression {
			t.Errorf("%s: compression %q, want %q", c.is, got, c.compression)
		}
		if got := images.IsForeignLayer(c.is); got != c.foreign {
			t.Errorf("%s: foreign %t, want %t", c.is, got, c.foreign)
		}
		for format, want := range map[images.MediaTypes]types.MediaType{images.OCIMediaTypes: c.oci, images.DockerMediaTypes: c.dockers} {
			got, err := images.Format{MediaTypes: format}.LayerLike(c.is)
			if got != want || (err != nil) != (want == "" && c.is != "") {
				t.Errorf("%s as %s: %q, %v; want %q", c.is, format, got, err, want)
			}
		}
	}
}
