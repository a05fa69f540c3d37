package images

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// ReferrerOf returns the subject of a manifest, and the descriptor by which registries list the manifest among the
// referrers of that subject (OCI distribution-spec, "Listing Referrers"). A manifest without a subject is no referrer:
// subject is nil.
func ReferrerOf(mediaType types.MediaType, raw []byte) (d v1.Descriptor, subject *v1.Descriptor, err error) {
	var m struct {
		ArtifactType string            `json:"artifactType"`
		Config       v1.Descriptor     `json:"config"`
		Annotations  map[string]string `json:"annotations"`
		Subject      *v1.Descriptor    `json:"subject"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return d, nil, fmt.Errorf("not a manifest: %w", err)
	}
	d = v1.Descriptor{MediaType: mediaType, ArtifactType: cmp.Or(m.ArtifactType, string(m.Config.MediaType)), Annotations: m.Annotations}
	d.Digest, d.Size, err = v1.SHA256(bytes.NewReader(raw))
	return d, m.Subject, err
}

// ReferrersTag returns the tag of the index of the referrers of a subject in registries without the referrers API
// (distribution-spec, "Referrers Tag Schema").
func ReferrersTag(subject v1.Hash) string { return subject.Algorithm + "-" + subject.Hex }

// AddReferrers adds referrers to the index under a referrers tag, and reports whether it has changed. Entries without an
// artifact type, which some clients write (sigstore/cosign#4641), are replaced.
func AddReferrers(list *v1.IndexManifest, referrers []v1.Descriptor) (changed bool) {
	for _, r := range referrers {
		i := slices.IndexFunc(list.Manifests, func(d v1.Descriptor) bool { return d.Digest == r.Digest })
		switch {
		case i < 0:
			list.Manifests = append(list.Manifests, r)
		case list.Manifests[i].ArtifactType == "" && r.ArtifactType != "":
			list.Manifests[i] = r
		default:
			continue
		}
		changed = true
	}
	return changed
}
