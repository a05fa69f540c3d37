package compare

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
)

const (
	// maxMetadata is the size of JSON documents that may be metadata of an archive of images, in bytes, and maxHeld that
	// of all of them together.
	maxMetadata = 4 << 20
	maxHeld     = 64 << 20
)

// identify gives entries of a tar their ids. Blobs of an archive of images are named after their digests, which differ if
// their content does; they get the name of what refers to them, such as "docker.io/acme/app:v1 linux/amd64 layer 2".
func identify(entries []*entry) {
	roles := map[string]string{} // by name of the entry
	files := map[string]*entry{}
	for _, e := range entries {
		files[path.Clean(e.Name)] = e
	}
	give := func(file, role string) {
		if file = path.Clean(file); files[file] != nil && roles[file] == "" {
			roles[file] = role
		}
	}
	dockerRoles(files, give)
	if top := files["index.json"]; top != nil {
		indexRoles(files, top.json, "", give, map[*entry]bool{}, 0)
	}
	seen := map[string]int{}
	for _, e := range entries {
		e.id = e.Name
		if role := roles[path.Clean(e.Name)]; role != "" {
			e.id = role
		}
		seen[e.id]++
		if n := seen[e.id]; n > 1 {
			e.id = fmt.Sprintf("%s (number %d)", e.id, n)
		}
	}
}

// dockerRoles gives roles by manifest.json, Docker's list of the images of an archive.
func dockerRoles(files map[string]*entry, give func(file, role string)) {
	list := files["manifest.json"]
	if list == nil {
		return
	}
	var all []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if json.Unmarshal(list.json, &all) != nil {
		return
	}
	platforms := map[*entry]string{} // each config is read once
	for i, image := range all {
		name := fmt.Sprintf("image %d", i+1)
		if len(image.RepoTags) > 0 {
			name = short(image.RepoTags[0])
		}
		if config := files[path.Clean(image.Config)]; config != nil {
			if _, ok := platforms[config]; !ok {
				platforms[config] = platformOf(config.json)
			}
			name = short(strings.TrimSpace(name + " " + platforms[config]))
		}
		give(image.Config, name+" config")
		for n, layer := range image.Layers {
			give(layer, fmt.Sprintf("%s layer %d", name, n+1))
		}
	}
}

// platformOf returns the platform of an image, or nothing if its config has none.
func platformOf(config []byte) string {
	var p v1.Platform
	if json.Unmarshal(config, &p) != nil || p.OS == "" {
		return ""
	}
	return images.FormatPlatform(p)
}

// indexRoles gives roles to the content of an OCI layout that an index refers to. of is the name of the index. seen has the
// manifests and indexes that were read: each is read once.
func indexRoles(files map[string]*entry, raw []byte, of string, give func(file, role string), seen map[*entry]bool, depth int) {
	var index v1.IndexManifest
	if depth > 3 || json.Unmarshal(raw, &index) != nil {
		return
	}
	for i, d := range index.Manifests {
		name := short(strings.TrimSpace(of + " " + entryName(d, i)))
		file := files[blobPath(d.Digest)]
		if file == nil || seen[file] {
			continue
		}
		seen[file] = true
		if d.MediaType.IsIndex() {
			give(file.Name, name+" index")
			indexRoles(files, file.json, name, give, seen, depth+1)
			continue
		}
		give(file.Name, name+" manifest")
		var m v1.Manifest
		if json.Unmarshal(file.json, &m) != nil {
			continue
		}
		give(blobPath(m.Config.Digest), name+" config")
		for n, layer := range m.Layers {
			give(blobPath(layer.Digest), fmt.Sprintf("%s layer %d", name, n+1))
		}
	}
}

// entryName names an entry of an index by its name and platform, or by its number.
func entryName(d v1.Descriptor, i int) string {
	var words []string
	for _, key := range []string{images.ContainerdNameAnnotation, images.RefNameAnnotation} {
		if name := d.Annotations[key]; name != "" {
			words = append(words, name)
			break
		}
	}
	switch {
	case images.IsAttestation(d):
		words = append(words, fmt.Sprintf("attestation %d", i+1))
	case d.Platform != nil:
		words = append(words, images.FormatPlatform(*d.Platform))
	}
	if len(words) == 0 {
		return fmt.Sprintf("entry %d", i+1)
	}
	return strings.Join(words, " ")
}

func blobPath(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
