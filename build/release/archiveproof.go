package release

import (
	"context"
	"fmt"
	"slices"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/policyfile"
	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/pack/sboms"
	"github.com/slipway-build/slipway/images/attest/policy"
	attest "github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sbom/document"
	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/internal/regular"
)

// provesArchives reports whether archives carry a proof of their content: they do if the release has any proof.
func (r *Release) provesArchives() bool {
	return r.full.Sign != nil || r.full.Provenance != nil || len(r.full.VEX) > 0 ||
		slices.ContainsFunc(r.full.Archives, func(s plan.ArchiveStep) bool { return len(s.SBOMs) > 0 })
}

// origin returns what the content statement of an archive says of the release.
func (r *Release) origin() *attest.Origin {
	return &attest.Origin{Name: r.Plan.Project, Version: r.Plan.Release.Version, Commit: r.Plan.Release.Commit}
}

// archiveProof returns what archives carry as proof beside that of their images, or nil for none.
func (r *Release) archiveProof() (*pack.Proof, error) {
	if !r.provesArchives() {
		return nil, nil
	}
	p := &pack.Proof{Release: r.origin()}
	switch {
	case !r.signsArchives():
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
	if s := r.full.Sign; s != nil && s.Keyless != nil {
		trust, err := r.trustedRoot()
		if err != nil {
			return nil, err
		}
		p.Attached = append(p.Attached, trust)
	}
	return p, nil
}

// trustedRoot returns the trusted root of keyless signatures, as archives carry it.
func (r *Release) trustedRoot() (attest.Attachment, error) {
	trust, err := policyfile.ReadTrust(r.path(r.full.Sign.Keyless.TrustedRoot))
	if err != nil {
		return trust, fmt.Errorf("%s: trusted root: %w", r.full.Sign.Position, err)
	}
	return trust, nil
}

// signsArchives reports whether archives contain a signature. One of an identity differs each time, and archives do not:
// it is beside the archive, as those of other files are.
func (r *Release) signsArchives() bool { return r.full.Sign != nil && r.full.Sign.Keyless == nil }

// signedBy returns what the keys of archives depend on beside their content: the hint of the key that signs archives, a
// hash of what the signatures that they get are of, or the digest of the trusted root that they carry. It returns "" for
// a release that is not signed.
func (r *Release) signedBy(ctx context.Context) (string, error) {
	if r.full.Sign == nil {
		return "", nil
	}
	if !r.signsArchives() {
		trust, err := r.trustedRoot()
		return trust.Digest().String(), err
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
	return signing.Verifier().Hint(), nil
}

// archivePolicy returns what the archives of this release must prove, or nil if they contain no signature.
func (r *Release) archivePolicy() (*policy.Policy, error) {
	if !r.signsArchives() {
		return nil, nil
	}
	trusted, err := r.trusted()
	if err != nil {
		return nil, err
	}
	return policy.Vouched(policy.Signer{Name: r.Plan.Project, Keys: trusted}), nil
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

// encloseSBOMs returns the images of an archive with their SBOMs in the proof. It is called when the archive is written,
// so that the SBOMs of several archives are not in memory together. The key of the archive has what they depend on.
func (r *Release) encloseSBOMs(ctx context.Context, step plan.ArchiveStep, content []pack.Image) ([]pack.Image, error) {
	content = slices.Clone(content)
	for i, image := range step.Images {
		for _, format := range step.SBOMs {
			made, err := r.enclosedSBOM(ctx, image, content[i], format)
			if err != nil {
				return nil, err
			}
			content[i].Proof = append(slices.Clip(content[i].Proof), made)
		}
	}
	return content, nil
}

// An sbomKey is what the SBOMs in an archive depend on beside its images.
type sbomKey struct {
	Formats    []string
	Others     string // sboms.Version, for images of others
	Own        int    // sbomVersion, for own images
	OwnOptions document.Options
}

// sbomKey returns that of an archive, or nil for an archive without SBOMs.
func (r *Release) sbomKey(step plan.ArchiveStep) *sbomKey {
	if len(step.SBOMs) == 0 {
		return nil
	}
	return &sbomKey{step.SBOMs, sboms.Version, sbomVersion, r.sbomOptions()}
}

// enclosedSBOM returns the SBOM of an image as archives carry it. That of an own image is in dist/artifacts; those of
// others are in the cache, and are the same in every release.
func (r *Release) enclosedSBOM(ctx context.Context, image plan.ArchiveImage, packed pack.Image, format string) (attest.Attachment, error) {
	for _, step := range r.Plan.SBOMs {
		if isSBOMOfImage(step) && step.Subject == image.Own && step.Format == format {
			raw, err := regular.ReadFile(r.path(step.Output))
			return sboms.Attachment(document.Format(format), raw), err
		}
	}
	return sboms.Of(ctx, r.catalog, packed, document.Format(format), r.programVersion())
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

// proveImagesOf writes the proofs and the SBOMs of the own images of an archive.
func (r *Release) proveImagesOf(ctx context.Context, step plan.ArchiveStep) error {
	own := map[string]bool{}
	for _, image := range step.Images {
		own[image.Own] = true
	}
	if err := r.prove(ctx, func(p plan.Proof) bool { return isOfImage(p) && own[p.Subject] }); err != nil {
		return err
	}
	return r.writeSBOMs(ctx, func(s plan.SBOMStep) bool { return isSBOMOfImage(s) && own[s.Subject] })
}
