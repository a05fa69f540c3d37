package release

import (
	"context"
	"fmt"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/policy"
	attest "github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/internal/regular"
)

// provesArchives reports whether archives carry a proof of their content: they do if the release has any proof.
func (r *Release) provesArchives() bool {
	return r.full.Sign != nil || r.full.Provenance != nil || len(r.full.VEX) > 0
}

// origin returns what the content statement of an archive says of the release.
func (r *Release) origin() *attest.Origin {
	return &attest.Origin{Name: r.Plan.Project, Version: r.Plan.Release.Version, Commit: r.Plan.Release.Commit}
}

// archiveProof returns what archives carry as proof beside that of their images, or nil for none.
func (r *Release) archiveProof() *pack.Proof {
	if !r.provesArchives() {
		return nil
	}
	p := &pack.Proof{Release: r.origin()}
	switch {
	case r.full.Sign == nil:
	case r.options.Signatures != "":
		p.Sign = r.keptSignatures
	default:
		// The private key is read when an archive is written, and not before.
		p.Sign = func(ctx context.Context, content []byte) ([][]byte, error) {
			signing, err := r.signing(ctx)
			if err != nil {
				return nil, err
			}
			bundle, err := signing.Statement(ctx, content)
			return [][]byte{bundle}, r.explain(err)
		}
	}
	return p
}

// signedBy returns what the keys of archives depend on beside their content: the hint of the key that signs archives, or a
// hash of what the signatures that they get are of. It returns "" for a release that is not signed.
func (r *Release) signedBy(ctx context.Context) (string, error) {
	if r.full.Sign == nil {
		return "", nil
	}
	if r.options.Signatures != "" {
		names, err := r.keptNames()
		if err != nil {
			return "", err
		}
		return hashOf(names)
	}
	signing, err := r.signing(ctx)
	if err != nil {
		return "", err
	}
	return signing.Key().Hint(), nil
}

// archivePolicy returns what the archives of this release must prove, or nil for a release that is not signed.
func (r *Release) archivePolicy() (*policy.Policy, error) {
	if r.full.Sign == nil {
		return nil, nil
	}
	keys, err := r.publicKeys()
	if err != nil {
		return nil, err
	}
	return policy.Vouched(policy.Signer{Name: r.Plan.Project, Keys: keys}), nil
}

// enclose adds the provenance and the VEX statements of own images, which are made, to the proof of an archive.
func (r *Release) enclose(step plan.ArchiveStep, content []pack.Image) error {
	if !r.provesArchives() {
		return nil
	}
	proofs := map[string][]plan.Proof{}
	for _, p := range r.Plan.Proofs() {
		proofs[p.Subject] = append(proofs[p.Subject], p)
	}
	for i, image := range step.Images {
		for _, p := range proofs[image.Own] {
			raw, err := r.enclosed(p)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", p.Kind, p.Subject, err)
			}
			content[i].Proof = append(content[i].Proof, attest.Attachment{Kind: attest.Kind(p.Kind), MediaType: statement.MediaType, Content: raw})
		}
	}
	return nil
}

// enclosed returns the statement of a proof as archives carry it. It leaves out the invocation, so that two runs make the
// same archive.
func (r *Release) enclosed(p plan.Proof) ([]byte, error) {
	raw, err := regular.ReadFile(r.path(p.Output))
	if err != nil || p.Kind != string(attest.Provenance) {
		return raw, err
	}
	return proof.WithoutInvocation(raw)
}

// proveImagesOf writes the proofs of the own images of an archive.
func (r *Release) proveImagesOf(ctx context.Context, step plan.ArchiveStep) error {
	own := map[string]bool{}
	for _, image := range step.Images {
		own[image.Own] = true
	}
	return r.prove(ctx, func(p plan.Proof) bool { return isOfImage(p) && own[p.Subject] })
}
