package images

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// IndexPath returns an index and the indexes in it that lead to an image, outermost first, or none if the index does
// not list the image. It passes over nested indexes that are missing: layouts and archives may lack entries of an index,
// and registries lose some.
func IndexPath(index v1.ImageIndex, image v1.Hash) ([]v1.ImageIndex, error) {
	return indexPath(index, image, 0, map[v1.Hash]bool{})
}

// indexPath reads each nested index once: seen has the digests that were visited.
func indexPath(index v1.ImageIndex, image v1.Hash, depth int, seen map[v1.Hash]bool) ([]v1.ImageIndex, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("indexes are nested more than %d deep", maxNesting)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(manifest.Manifests, func(d v1.Descriptor) bool { return d.Digest == image }) {
		return []v1.ImageIndex{index}, nil
	}
	for _, d := range manifest.Manifests {
		if !d.MediaType.IsIndex() || seen[d.Digest] {
			continue
		}
		seen[d.Digest] = true
		var path []v1.ImageIndex
		nested, err := index.ImageIndex(d.Digest)
		if err == nil {
			path, err = indexPath(nested, image, depth+1, seen)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case len(path) > 0:
			return append([]v1.ImageIndex{index}, path...), nil
		}
	}
	return nil, nil
}
