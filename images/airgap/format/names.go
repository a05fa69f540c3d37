package format

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
)

// Tag returns the name of ref in an archive. Names in archives have tags: RKE2's reader refuses
// digests, and k3s cannot re-tag an image without a tag. A reference pinned by digest keeps its
// tag, or else gets the tag sha256-<hex>, as in hauler:
//
//	rancher/x:v1                      rancher/x:v1
//	rancher/x:v1@sha256:0123…         rancher/x:v1
//	rancher/x@sha256:0123…            rancher/x:sha256-0123…
func Tag(ref name.Reference) (name.Tag, error) {
	switch r := ref.(type) {
	case name.Tag:
		return r, nil
	case name.Digest:
		if base, _, _ := strings.Cut(r.String(), "@"); base != "" {
			if tag, err := images.ParseTag(base); err == nil && images.HasTag(base) {
				return tag, nil
			}
		}
		return r.Tag(strings.ReplaceAll(r.DigestStr(), ":", "-")), nil
	}
	return name.Tag{}, fmt.Errorf("%s is neither a tag nor a digest", ref)
}

// pinnedTag matches the tags that Tag makes of digests.
var pinnedTag = regexp.MustCompile(`^sha256-([0-9a-f]{64})$`)

// RegistryTag returns the tag in a registry for an image that has tag in an archive. They are
// the same, except for sha256-<hex>, which Tag makes of a digest. In a registry, that is the tag
// of the list of referrers to the digest (OCI distribution-spec, "Referrers Tag Schema"), so
// that the first signature or SBOM would overwrite the image. Such a tag becomes pinned-<hex>,
// and digest is the digest that it pins.
func RegistryTag(tag string) (registryTag string, digest *v1.Hash) {
	m := pinnedTag.FindStringSubmatch(tag)
	if m == nil {
		return tag, nil
	}
	return "pinned-" + m[1], &v1.Hash{Algorithm: "sha256", Hex: m[1]}
}

// HostComponent returns the host and port of a registry in a form that may be an element of a
// repository name: lower-case letters and digits, separated by ".", "_", "__" or hyphens (OCI
// distribution-spec, "Pulling manifests"). Other characters become a hyphen: localhost:5000
// becomes localhost-5000.
func HostComponent(host string) string {
	separates := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	host = strings.TrimFunc(strings.ToLower(host), separates)
	var out strings.Builder
	for host != "" {
		end := strings.IndexFunc(host, separates)
		if end < 0 {
			end = len(host)
		}
		out.WriteString(host[:end])
		host = host[end:]
		rest := strings.TrimLeftFunc(host, separates)
		switch separator := host[:len(host)-len(rest)]; {
		case separator == "." || separator == "_" || separator == "__" || strings.Trim(separator, "-") == "":
			out.WriteString(separator)
		default:
			out.WriteByte('-')
		}
		host = rest
	}
	return out.String()
}

// NameWarning returns a warning about readers that cannot parse the name of an image, or "". Such a
// reader stops at the name, and does not find other images of the archive either.
func NameWarning(tag name.Tag) string {
	familiar := images.Familiar(tag)
	if strings.HasPrefix(familiar, "[") {
		return "Docker 20.10 and podman cannot parse the IPv6 address in its name, and read no image of such an archive"
	}
	if _, err := name.NewTag(familiar); err != nil {
		return "RKE2 and crane want repositories of two letters at least, and read no image of such an archive"
	}
	return ""
}

// Qualified returns the fully qualified form of a tag: docker.io/library/busybox:1 for
// busybox:1 and for index.docker.io/library/busybox:1.
func Qualified(repoTag string) (string, error) {
	tag, err := images.ParseTag(repoTag)
	if err != nil {
		return "", err
	}
	return images.Qualified(tag), nil
}

// DescriptorName returns the qualified name that containerd gives to an entry of index.json, or
// "". A tag alone, as OCI defines org.opencontainers.image.ref.name, does not name an image.
func DescriptorName(d v1.Descriptor) string {
	for _, key := range []string{images.ContainerdNameAnnotation, images.RefNameAnnotation} {
		value := d.Annotations[key]
		if !strings.ContainsAny(value, "/:") {
			continue
		}
		if ref, err := images.ParseReference(value); err == nil {
			if tag, err := Tag(ref); err == nil {
				if n, err := Qualified(tag.Name()); err == nil {
					return n
				}
			}
		}
	}
	return ""
}
