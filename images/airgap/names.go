package airgap

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

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

// qualified is the name that two spellings of one tag share:
// docker.io/library/busybox:1 for busybox:1 and index.docker.io/library/busybox:1.
func qualified(repoTag string) (string, error) {
	tag, err := images.ParseTag(repoTag)
	if err != nil {
		return "", err
	}
	return images.Qualified(tag), nil
}
