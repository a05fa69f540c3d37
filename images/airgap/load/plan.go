package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/progress"
)

// HostPlatform returns the platform of this machine, on Windows with its full version.
func HostPlatform() v1.Platform {
	p := platforms.DefaultSpec()
	return v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, OSVersion: fullVersion(p.OSVersion)}
}

// Options say what is loaded.
type Options struct {
	// Platform selects the image of each name.
	Platform v1.Platform
	// Registries are HOST[:PORT][/PREFIX]. Each image also gets its names in these registries:
	// docker.io/rancher/x:v1 is then REGISTRY/rancher/x:v1, too.
	Registries []string
}

// An Image is an image that a runtime gets.
type Image struct {
	Packed *airgap.PackedImage
	// Names are fully qualified names with tags, each once.
	Names []string
	// Index is the index that the archive keeps for the names, or nil.
	Index *airgap.PackedIndex
}

// Target describes what the names refer to. If the archive leaves out the media type, it is that of the content.
func (i *Image) Target() v1.Descriptor {
	d, raw := i.Packed.Manifest, i.Packed.RawManifest()
	if i.Index != nil {
		d, raw = i.Index.Descriptor, i.Index.RawManifest()
	}
	if m, err := v1.ParseManifest(bytes.NewReader(raw)); d.MediaType == "" && err == nil {
		d.MediaType = cmp.Or(m.MediaType, types.OCIManifestSchema1)
	}
	return d
}

// Digests returns the names of an image by digest, such as docker.io/rancher/x@sha256:0123…. An image with plain layers
// has none, since its digest is not that of a registry.
func (i *Image) Digests() []string {
	target := i.Target().Digest
	plain := slices.ContainsFunc(i.Packed.Layers, func(l airgap.PackedLayer) bool { return images.LayerCompression(l.MediaType) == "none" })
	var names []string
	for _, n := range i.Names {
		repo, _ := format.SplitTag(n)
		if _, pin := format.RegistryTag(n[len(repo)+1:]); plain && (pin == nil || *pin != target) {
			continue
		}
		if by := repo + "@" + target.String(); !slices.Contains(names, by) {
			names = append(names, by)
		}
	}
	return names
}

// Plan returns the images of archives for a platform, in the order of the archives. If archives have different images
// for a name and platform, the first one is loaded, as by airgap.Find, with a warning. Images without a name, and
// names without an image for the operating system and architecture, are left out with a warning. A name whose images
// have another variant or version of Windows is an error, and so are archives of which no image is left.
func Plan(ctx context.Context, archives []*airgap.Archive, o Options) ([]*Image, error) {
	if err := checkRegistries(o.Registries); err != nil {
		return nil, err
	}
	p := &planner{platform: o.Platform, named: map[string][]*airgap.PackedImage{}}
	for _, a := range archives {
		list, err := a.Images(ctx)
		if err != nil {
			return nil, err
		}
		for _, img := range list {
			if len(img.Names) == 0 {
				progress.Warn(ctx, fmt.Sprintf("image %s of %s has no name and is not loaded", img.ID, a.Path()))
			}
			for _, n := range img.Names {
				if p.named[n] == nil {
					p.order = append(p.order, n)
				}
				p.named[n] = append(p.named[n], img)
			}
		}
	}
	if len(p.order) == 0 {
		return nil, errors.New("the archives have no image with a name")
	}
	list, err := p.choose(ctx)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, p.nothing()
	}
	var errs []error
	owners := map[string]*Image{}
	for _, img := range list {
		if err := img.addRegistries(o.Registries); err != nil {
			return nil, err
		}
		for _, n := range img.Names {
			if other := owners[n]; other != nil && other.Target().Digest != img.Target().Digest {
				errs = append(errs, fmt.Errorf("two images would be called %s: %s and %s; load them with different registries", n, other.Names[0], img.Names[0]))
			}
			owners[n] = img
		}
	}
	return list, errors.Join(errs...)
}

func checkRegistries(registries []string) error {
	var errs []error
	for _, r := range registries {
		host, _, _ := strings.Cut(r, "/")
		if _, err := images.ParseTag(strings.TrimSuffix(r, "/") + "/x:v1"); err != nil || !strings.ContainsAny(host, ".:") && host != "localhost" {
			errs = append(errs, fmt.Errorf("registry %q: want HOST[:PORT][/PREFIX], such as registry.example.com:5000/mirror", r))
		}
	}
	return errors.Join(errs...)
}

// addRegistries adds the names in other registries.
func (i *Image) addRegistries(registries []string) error {
	own := slices.Clone(i.Names)
	for _, r := range registries {
		for _, n := range own {
			_, rest, _ := strings.Cut(n, "/")
			tag, err := images.ParseTag(strings.TrimSuffix(r, "/") + "/" + rest)
			if err != nil {
				return fmt.Errorf("naming %s in registry %s: %w", n, r, err)
			}
			if q := images.Qualified(tag); !slices.Contains(i.Names, q) {
				i.Names = append(i.Names, q)
			}
		}
	}
	return nil
}

// A planner chooses the image of each name.
type planner struct {
	platform v1.Platform
	order    []string                         // names
	named    map[string][]*airgap.PackedImage // all images with a name
}

func (p *planner) choose(ctx context.Context) ([]*Image, error) {
	type key struct{ manifest, index v1.Hash }
	var (
		list  []*Image
		known = map[key]*Image{}
		errs  []error
		left  []string
	)
	for _, n := range p.order {
		img, err := p.imageOf(ctx, n)
		if err != nil {
			errs = append(errs, fmt.Errorf("image %s: %w", n, err))
			continue
		}
		if img == nil {
			left = append(left, n)
			continue
		}
		k := key{manifest: img.Manifest.Digest}
		at := slices.IndexFunc(img.Indexes, func(x *airgap.PackedIndex) bool { return slices.Contains(x.Names, n) })
		var index *airgap.PackedIndex
		if at >= 0 {
			index = img.Indexes[at]
			k.index = index.Descriptor.Digest
		}
		if known[k] == nil {
			known[k] = &Image{Packed: img, Index: index}
			list = append(list, known[k])
		}
		known[k].Names = append(known[k].Names, n)
	}
	if len(left) > 0 && len(list) > 0 {
		progress.Warn(ctx, fmt.Sprintf("not for %s, and not loaded: %s", images.FormatPlatform(p.platform), strings.Join(left, ", ")))
	}
	return list, errors.Join(errs...)
}

// imageOf returns the image of a name for the platform, or nil if all its images are for other operating systems or
// architectures.
func (p *planner) imageOf(ctx context.Context, name string) (*airgap.PackedImage, error) {
	list := p.named[name]
	offered := offeredBy(list)
	at, err := images.SelectPlatform(p.platform, offered)
	if err != nil {
		near := slices.ContainsFunc(offered, func(o v1.Platform) bool {
			return o.OS == p.platform.OS && o.Architecture == p.platform.Architecture
		})
		if near {
			return nil, err
		}
		return nil, nil
	}
	for _, other := range list[at+1:] {
		if other.ID != list[at].ID && images.ComparePlatforms(other.Platform, list[at].Platform) == 0 {
			progress.Warn(ctx, fmt.Sprintf("%s is another image in %s than in %s, which is loaded", name, other.Archive().Path(), list[at].Archive().Path()))
		}
	}
	return list[at], nil
}

func offeredBy(list []*airgap.PackedImage) []v1.Platform {
	offered := make([]v1.Platform, len(list))
	for i, img := range list {
		offered[i] = img.Platform
	}
	return offered
}

// nothing is the error for archives without an image for the platform.
func (p *planner) nothing() error {
	var offered []string
	for _, n := range p.order {
		for _, o := range offeredBy(p.named[n]) {
			if text := images.FormatPlatform(o); !slices.Contains(offered, text) {
				offered = append(offered, text)
			}
		}
	}
	return fmt.Errorf("no image for platform %s: the archives have images for %s; choose with --platform",
		images.FormatPlatform(p.platform), strings.Join(offered, ", "))
}
