package airgap

import (
	"regexp"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Names of the files that readers look for by name. The blobs lie where the OCI
// image layout has them.
const (
	manifestName = "manifest.json" // Docker's view: all readers but containerd
	layoutName   = "oci-layout"    // says that index.json is what counts
	indexName    = "index.json"    // OCI's view: containerd
	blobFolder   = "blobs/sha256/"
)

// Annotations of index.json. containerd and nerdctl read the first, skopeo and
// crane the second.
const (
	imageNameAnnotation = "io.containerd.image.name"
	refNameAnnotation   = "org.opencontainers.image.ref.name"
)

// jsonLimit is the largest JSON file that readers take (containerd,
// core/images/archive: 20 MiB).
const jsonLimit = 20 << 20

// maxNesting is how deep indexes may lie in indexes.
const maxNesting = 4

// manifestEntry is an image in manifest.json. LayerSources is left out, since
// go-containerregistry takes what it names for foreign layers
// (go-containerregistry#1870).
type manifestEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func blobName(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

var hexSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)

// isHexDigest reports whether s is a SHA-256 in lower-case hex, as in the names that crane
// gives to layers.
func isHexDigest(s string) bool { return hexSHA256.MatchString(s) }
