package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/attach"
	"github.com/slipway-build/slipway/images/attest/sbom/document"
	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/regular"
)

// attestsProvenance reports whether indexes contain the provenance of their images.
func (r *Release) attestsProvenance() bool {
	return r.full.Provenance != nil && r.full.Provenance.Attest
}

// proveAttested writes what the indexes of this run contain about its images, which must be made.
func (r *Release) proveAttested(ctx context.Context) error {
	if r.attestsProvenance() {
		if err := r.prove(ctx, isOfImage); err != nil {
			return err
		}
	}
	return r.writeSBOMs(ctx, func(s plan.SBOMStep) bool { return s.Attest })
}

// sbomPredicates are the predicate types of SBOMs, by SBOMStep.Format.
var sbomPredicates = map[string]string{"spdx": statement.SPDX, "cyclonedx": statement.CycloneDX}

// attestation returns the attestation manifest that indexes have beside the image with the tag ref, made from the files
// in dist, or nil if slipway.yaml does not ask for one. It contains no invocation, so that two runs make the same index.
func (r *Release) attestation(ref string, image v1.Image) (v1.Image, error) {
	digest, err := image.Digest()
	if err != nil {
		return nil, err
	}
	return r.attestationOf(ref, digest)
}

func (r *Release) attestationOf(ref string, digest v1.Hash) (v1.Image, error) {
	var statements [][]byte
	if r.attestsProvenance() {
		for _, p := range r.full.Proofs() {
			if p.Subject != ref || p.Kind != "provenance" {
				continue
			}
			raw, err := r.enclosed(p)
			if err != nil {
				return nil, missingProof(ref, p.Output, err)
			}
			statements = append(statements, raw)
		}
	}
	for _, step := range r.full.SBOMs {
		if step.Subject != ref || !step.Attest {
			continue
		}
		raw, err := r.sbomStatement(step, digest)
		if err != nil {
			return nil, missingProof(ref, step.Output, err)
		}
		statements = append(statements, raw)
	}
	if len(statements) == 0 {
		return nil, nil
	}
	attestation, err := attach.Attestation(digest, statements)
	if err != nil {
		return nil, fmt.Errorf("attestation of %s: %w: run build", ref, err)
	}
	return attestation, nil
}

func missingProof(ref, output string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("missing %s: run build", output)
	}
	return fmt.Errorf("attestation of %s: %w", ref, err)
}

// sbomStatement returns the statement that an image has the SBOM of a step, which must be about the image.
func (r *Release) sbomStatement(step plan.SBOMStep, digest v1.Hash) ([]byte, error) {
	raw, err := regular.ReadFile(r.path(step.Output))
	if err != nil {
		return nil, err
	}
	about, err := document.SubjectDigest(document.Format(step.Format), raw)
	if err == nil && about != digest.Hex {
		err = fmt.Errorf("it is about sha256:%s, but the image is %s", about, digest)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: run build", step.Output, err)
	}
	subject, err := statement.NewSubject(step.Subject, digest.String())
	if err != nil {
		return nil, err
	}
	s, err := statement.New(sbomPredicates[step.Format], json.RawMessage(raw), subject)
	if err != nil {
		return nil, err
	}
	return s.Encode()
}

// verifyAttestation checks that an index has the attestation of an image, and that the attestation is complete.
func (r *Release) verifyAttestation(layout *store.Store, index *v1.IndexManifest, ref string, image v1.Hash) error {
	want, err := r.attestationOf(ref, image)
	if err != nil || want == nil {
		return err
	}
	digest, err := want.Digest()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(index.Manifests, func(d v1.Descriptor) bool {
		return d.Digest == digest && images.IsAttestation(d) && images.AttestationSubject(d) == image.String()
	}) {
		return fmt.Errorf("missing attestation %s of %s: run build", digest, ref)
	}
	have, err := layout.Image(digest)
	if err != nil {
		return err
	}
	layers, err := have.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		if err := readLayer(l); err != nil {
			return fmt.Errorf("attestation %s of %s: %w", digest, ref, err)
		}
	}
	return nil
}

// readLayer compares the content of a layer with its digest.
func readLayer(l v1.Layer) error {
	want, err := l.Digest()
	if err != nil {
		return err
	}
	r, err := l.Compressed()
	if err != nil {
		return err
	}
	defer r.Close() // ignore error: read-only
	have, _, err := v1.SHA256(r)
	if err == nil && have != want {
		err = fmt.Errorf("layer %s has %s", want, have)
	}
	return err
}
