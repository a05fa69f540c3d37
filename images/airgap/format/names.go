package format

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
)

// Tag is the name under which ref lies in an archive. Archives know tags alone:
// RKE2's reader refuses digests, and k3s cannot re-tag an image that has none. A
// reference pinned by digest keeps its tag if it has one, and is else tagged
// sha256-<hex>, as hauler does:
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

// pinnedTag matches what Tag makes of a digest.
var pinnedTag = regexp.MustCompile(`^sha256-([0-9a-f]{64})$`)

// RegistryTag is the tag that an image with this tag in an archive gets in a registry.
// It is the same but for sha256-<hex>, which Tag makes of a digest: to a registry's
// clients that is the list of what refers to the digest (OCI distribution-spec,
// "Referrers Tag Schema"), and the first signature or SBOM would overwrite the image.
// Such a tag becomes pinned-<hex>, and digest is what it pins.
func RegistryTag(tag string) (registryTag string, digest *v1.Hash) {
	m := pinnedTag.FindStringSubmatch(tag)
	if m == nil {
		return tag, nil
	}
	return "pinned-" + m[1], &v1.Hash{Algorithm: "sha256", Hex: m[1]}
}

// HostComponent spells a registry's host and port as an element of a repository's name
// (OCI distribution-spec, "Pulling manifests": lower-case letters and digits, which ".",
// "_", "__" or hyphens part). What that cannot hold becomes a hyphen: localhost:5000 is
// localhost-5000.
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

// NameWarning says which readers cannot parse the name of an image, or is empty. Such a
// reader stops there, and finds no other image of the archive either.
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

// Qualified is the name that two spellings of one tag share:
// docker.io/library/busybox:1 for busybox:1 and index.docker.io/library/busybox:1.
func Qualified(repoTag string) (string, error) {
	tag, err := images.ParseTag(repoTag)
	if err != nil {
		return "", err
	}
	return images.Qualified(tag), nil
}

// DescriptorName is the name that containerd gives to an entry of index.json. A
// bare tag, which is what OCI means ref.name to be, names no image.
func DescriptorName(d v1.Descriptor) string {
	for _, key := range []string{ImageNameAnnotation, RefNameAnnotation} {
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
