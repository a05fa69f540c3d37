package lint

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
)

// judgeAttestation judges an entry that is the attestation of another one.
func judgeAttestation(d v1.Descriptor, c child) (all []Finding) {
	digests := []v1.Hash{d.Digest}
	switch p := d.Platform; {
	case p == nil || p.OS == "" && p.Architecture == "":
		all = append(all, found(attestationPlatform, digests, "attestation %s states no platform", d.Digest))
	case p.OS != "unknown" || p.Architecture != "unknown":
		all = append(all, found(attestationPlatform, digests, "attestation %s has the platform %s", d.Digest, images.FormatPlatform(*p)))
	}
	subject := images.AttestationSubject(d)
	if subject != "" && c.subject != (v1.Hash{}) && c.subject.String() != subject {
		all = append(all, found(attestationSubject, digests, "attestation %s is about %s by the index, and about %s by its manifest", d.Digest, subject, c.subject))
	}
	return all
}

// judgeSubjects finds attestations whose image is not in the index.
func judgeSubjects(attestations []v1.Descriptor, m *v1.IndexManifest) (all []Finding) {
	listed := map[string]bool{}
	for _, d := range m.Manifests {
		if !images.IsAttestation(d) {
			listed[d.Digest.String()] = true
		}
	}
	for _, d := range attestations {
		switch subject := images.AttestationSubject(d); {
		case subject == "":
			all = append(all, found(strayAttestation, []v1.Hash{d.Digest}, "attestation %s does not say which image it is about", d.Digest))
		case !listed[subject]:
			all = append(all, found(strayAttestation, []v1.Hash{d.Digest}, "attestation %s is about %s, which the index does not list", d.Digest, subject))
		}
	}
	return all
}
