package images

import (
	"maps"
	"reflect"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// onlyIndex returns the only source if it is an index, with its manifest.
func onlyIndex(entries []IndexEntry) (v1.ImageIndex, *v1.IndexManifest, error) {
	if len(entries) != 1 || entries[0].Index == nil {
		return nil, nil, nil
	}
	manifest, err := entries[0].Index.IndexManifest()
	return entries[0].Index, manifest, err
}

// unchanged reports whether NewIndex would change nothing in an index: its entries are
// children with complete platforms, their order serves every node, and it has the
// annotations.
func unchanged(manifest *v1.IndexManifest, children []child, annotations map[string]string) bool {
	for key, value := range annotations {
		if has, ok := manifest.Annotations[key]; !ok || has != value {
			return false
		}
	}
	if len(manifest.Manifests) != len(children) {
		return false
	}
	for _, d := range manifest.Manifests {
		if !slices.ContainsFunc(children, func(c child) bool { return sameEntry(d, c.descriptor) }) {
			return false
		}
	}
	// Windows nodes take the first compatible entry.
	windows := slices.DeleteFunc(slices.Clone(manifest.Manifests), func(d v1.Descriptor) bool {
		return d.Platform == nil || d.Platform.OS != "windows"
	})
	return slices.IsSortedFunc(windows, func(a, b v1.Descriptor) int { return ComparePlatforms(*a.Platform, *b.Platform) })
}

// sameEntry reports whether entries are equal. Spellings of one platform are equal.
func sameEntry(a, b v1.Descriptor) bool {
	if (a.Platform == nil) != (b.Platform == nil) || a.Platform != nil && ComparePlatforms(*a.Platform, *b.Platform) != 0 {
		return false
	}
	a.Platform, b.Platform = nil, nil
	return reflect.DeepEqual(a, b)
}

// annotate merges annotations; those in more take precedence.
func annotate(old, more map[string]string) map[string]string {
	all := maps.Clone(old)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, more)
	return all
}

// indexType returns the media type of an index of children. Docker's manifest list
// cannot have annotations.
func indexType(children []child, annotations map[string]string, source *v1.IndexManifest) types.MediaType {
	if len(annotations) > 0 || source != nil && source.MediaType != types.DockerManifestList ||
		slices.ContainsFunc(children, func(c child) bool { return c.descriptor.MediaType != types.DockerManifestSchema2 }) {
		return types.OCIImageIndex
	}
	return types.DockerManifestList
}
