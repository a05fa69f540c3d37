package images

import (
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// maxNesting is the maximum depth of nested indexes.
const maxNesting = 4

// ImageFor returns the image of an index that serves want, by the rules of SelectPlatform. It
// searches nested indexes and ignores attestations. It reads the config of an image only if
// its entry does not state a platform. If no image serves want, the error is a
// *NoPlatformError. A config that contradicts its entry is an error as in EntryPlatform.
func ImageFor(index v1.ImageIndex, want v1.Platform) (v1.Image, error) {
	offers, err := offersOf(index, 0, map[v1.Hash]bool{})
	if err != nil {
		return nil, err
	}
	i, err := SelectPlatform(want, platformsOf(offers))
	if err != nil {
		return nil, err
	}
	image, err := offers[i].parent.Image(offers[i].digest)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading image config: %w", err)
	}
	if _, _, err := EntryPlatform(offers[i].platform, PlatformIn(config)); err != nil {
		return nil, err
	}
	return image, nil
}

func platformsOf(offers []offer) []v1.Platform {
	platforms := make([]v1.Platform, len(offers))
	for i, o := range offers {
		platforms[i] = o.platform
	}
	return platforms
}

// ImageServes returns a *NoPlatformError unless an image serves want. said is the platform
// that an archive or a layout states for the image, or nil; see EntryPlatform.
func ImageServes(image v1.Image, said *v1.Platform, want v1.Platform) error {
	platform, err := entryPlatform(image, said)
	if err != nil {
		return err
	}
	_, err = SelectPlatform(want, []v1.Platform{platform})
	return err
}

// BaseServes is ImageServes for a base image: as in BuildKit, an image that is not part of an
// index may have another architecture, since images with files alone are often published for
// one architecture. Builders warn of it.
func BaseServes(image v1.Image, said *v1.Platform, want v1.Platform) error {
	platform, err := entryPlatform(image, said)
	if err != nil {
		return err
	}
	if platform.OS == want.OS && platform.Architecture != "" {
		want.Architecture, want.Variant = platform.Architecture, platform.Variant
	}
	return ImageServes(image, said, want)
}

// entryPlatform returns the platform of an image whose entry states said, which may be nil.
func entryPlatform(image v1.Image, said *v1.Platform) (v1.Platform, error) {
	platform, err := StatedPlatform(image)
	if err == nil && said != nil {
		platform, _, err = EntryPlatform(*said, platform)
		platform = spelled(platform)
	}
	return platform, err
}

// An offer is an image of an index or of one nested in it.
type offer struct {
	parent   v1.ImageIndex
	digest   v1.Hash
	platform v1.Platform
}

// offersOf lists the images of an index and of nested indexes. seen has the digests that were
// visited, because a hostile index may list one entry thousands of times.
func offersOf(index v1.ImageIndex, depth int, seen map[v1.Hash]bool) ([]offer, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("indexes are nested more than %d deep", maxNesting)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var (
		offers []offer
		errs   []error
	)
	for _, d := range manifest.Manifests {
		stated := d.Platform != nil && d.Platform.OS != "" && d.Platform.Architecture != "" &&
			(d.Platform.OS != "windows" || d.Platform.OSVersion != "")
		switch {
		case IsAttestation(d), seen[d.Digest] && (!stated || d.MediaType.IsIndex()):
		case d.MediaType.IsIndex():
			seen[d.Digest] = true
			nested, err := index.ImageIndex(d.Digest)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			found, err := offersOf(nested, depth+1, seen)
			errs = append(errs, err)
			offers = append(offers, found...)
		case !d.MediaType.IsImage():
		case stated:
			offers = append(offers, offer{index, d.Digest, *d.Platform})
		default:
			// The entry may lack the information; the config may have it.
			seen[d.Digest] = true
			image, err := index.Image(d.Digest)
			if err == nil {
				var platform v1.Platform
				if platform, err = StatedPlatform(image); err == nil {
					offers = append(offers, offer{index, d.Digest, platform})
					continue
				}
			}
			if artifact := (*ArtifactError)(nil); errors.As(err, &artifact) {
				continue
			}
			errs = append(errs, fmt.Errorf("entry %s: %w", d.Digest, err))
		}
	}
	return offers, errors.Join(errs...)
}
