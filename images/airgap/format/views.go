package format

import (
	"regexp"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Names of the files that readers look for by name. The blobs lie where the OCI
// image layout has them.
const (
	ManifestJSON = "manifest.json" // Docker's view: all readers but containerd
	OCILayout    = "oci-layout"    // says that index.json is what counts
	IndexJSON    = "index.json"    // OCI's view: containerd
	BlobFolder   = "blobs/sha256/"
)

// Annotations of index.json. containerd and nerdctl read the first, skopeo and
// crane the second.
const (
	ImageNameAnnotation = "io.containerd.image.name"
	RefNameAnnotation   = "org.opencontainers.image.ref.name"
)

// JSONLimit is the largest JSON file that readers take (containerd,
// core/images/archive: 20 MiB).
const JSONLimit = 20 << 20

// MaxNesting is how deep indexes may lie in indexes.
const MaxNesting = 4

// ManifestEntry is an image in manifest.json. LayerSources is left out, since
// go-containerregistry takes what it names for foreign layers
// (go-containerregistry#1870).
type ManifestEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func BlobName(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

var hexSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)

// IsHexDigest reports whether s is a SHA-256 in lower-case hex, as in the names that crane
// gives to layers.
func IsHexDigest(s string) bool { return hexSHA256.MatchString(s) }
