package release

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/carry"
	"github.com/slipway-build/slipway/images/attest/keyless"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// keySource returns where the key of the release is.
func (r *Release) keySource() proof.KeySource {
	s := r.full.Sign
	source := proof.KeySource{
		Key: r.keyPath(s.Key), Password: s.Password, Command: s.Command, Dir: r.Config.Dir, Secrets: s.Secrets, Limit: s.Limit(),
		PublicKey: r.keyPath(s.PublicKey), Getenv: r.options.Getenv,
	}
	if k := s.Keyless; k != nil {
		source.Keyless = &proof.Keyless{Fulcio: k.Fulcio, TSA: k.TSA, Rekor: k.Rekor, Token: k.Token,
			TrustedRoot: r.path(k.TrustedRoot),
			Identity:    keyless.Identity{Subject: k.Identity, SubjectRegexp: k.IdentityRegexp, Issuer: k.Issuer, IssuerRegexp: k.IssuerRegexp},
		}
	}
	return source
}

// signing returns what makes the signatures of the release. All steps share it, since decrypting a key takes a tenth of a
// second. The cache remembers the public half, so that a run that has nothing to sign does not decrypt the key.
func (r *Release) signing(ctx context.Context) (*proof.Signing, error) {
	signing, err := r.signer.Do(ctx, "", func() (*proof.Signing, error) {
		from := r.keySource()
		from.Memory = r.bench.Cache
		return proof.NewSigning(ctx, from)
	})
	return signing, r.explain(err)
}

// explain adds the line of slipway.yaml to an error of the key, which is the same for everything that is signed.
func (r *Release) explain(err error) error {
	if key := (*proof.KeyError)(nil); errors.As(err, &key) {
		return fmt.Errorf("%s: signing: %w", r.full.Sign.Position, key)
	}
	return err
}

// openKey reads the private key if a signature or an archive of p does not exist, so that a key that cannot be used ends
// the run before the work. A run that may have nothing to sign, and one that keeps signatures, do not need the key.
func (r *Release) openKey(ctx context.Context, p *plan.Plan) error {
	if p.Sign == nil || r.options.Signatures != "" || r.allSigned(p) {
		return nil
	}
	signing, err := r.signing(ctx)
	if err != nil {
		return err
	}
	return r.explain(signing.Check(ctx))
}

// allSigned reports whether all signatures and archives of p exist. They may be out of date.
func (r *Release) allSigned(p *plan.Plan) bool {
	missing := func(planned string) bool { return len(r.folder.Files(planned)) == 0 }
	for _, a := range p.Archives {
		if slices.ContainsFunc(a.Outputs, missing) {
			return false
		}
	}
	for _, s := range p.Signatures() {
		at := []string{s.Path}
		if s.File != "" {
			at = nil
			for _, file := range r.folder.Files(s.File) {
				at = append(at, plan.SignatureOf(file))
			}
		}
		if len(at) == 0 || slices.ContainsFunc(at, missing) {
			return false
		}
	}
	return true
}

// keyPath returns the location of a key file, or env://NAME as it is.
func (r *Release) keyPath(place string) string {
	if place == "" || proof.IsVariable(place) {
		return place
	}
	return r.path(place)
}

// trusted returns who must have made the signatures of the release.
func (r *Release) trusted() ([]sign.Verifier, error) {
	trusted, err := r.keySource().Trusted()
	if err != nil {
		return nil, fmt.Errorf("%s: verifying signatures: %w", r.full.Sign.Position, err)
	}
	return trusted, nil
}

// A signed is one file, image or index with its signature.
type signed struct {
	plan.Signature
	// what is the path of the file, or the tag of the image.
	what   string
	digest v1.Hash
}

// signedThings returns what signatures are of, one by one: a file that is split has one signature for each part. It
// leaves out what the reports do not have.
func (r *Release) signedThings(signatures []plan.Signature, reported map[string]string) ([]signed, error) {
	var out []signed
	for _, s := range signatures {
		things := []signed{{s, s.Ref, v1.Hash{}}}
		if s.File != "" {
			things = nil
			for _, file := range r.folder.Files(s.File) {
				s.Path = plan.SignatureOf(file)
				things = append(things, signed{s, file, v1.Hash{}})
			}
		}
		for _, t := range things {
			if reported[t.what] == "" || t.SBOM.Output != "" && reported[t.SBOM.Output] == "" {
				continue
			}
			var err error
			if t.digest, err = v1.NewHash(reported[t.what]); err != nil {
				return nil, fmt.Errorf("reading the digest of %s: %w", t.what, err)
			}
			out = append(out, t)
		}
	}
	return out, nil
}

// sign signs everything that this run or an earlier one with the same inputs has made. Signatures that are valid stay.
func (r *Release) sign(ctx context.Context) (err error) {
	if r.full.Sign == nil || r.options.Signatures != "" {
		return nil
	}
	report, err := r.readOwnReport()
	if err != nil {
		return err
	}
	reported := report.digests()
	for _, m := range r.report.sorted() {
		reported[m.Where()] = m.Digest
	}
	things, err := r.signedThings(r.full.Signatures(), reported)
	if err != nil || len(things) == 0 {
		return err
	}
	task := progress.Start(ctx, "sign")
	defer func() { task.Done(err) }()
	signing, err := r.signing(ctx)
	if err != nil {
		return err
	}
	by := signing.Verifier().Hint()
	if r.full.Sign.Keyless != nil {
		trust, err := r.trustedRoot()
		if err != nil {
			return err
		}
		by += " " + trust.Digest().String() // with another root, the signatures may be invalid
	}
	before := r.recallSigned(ctx)
	err = parallel.Each(ctx, len(things), r.options.Jobs, func(i int) error {
		t := things[i]
		if !r.hasSigned(ctx, before, t, by) {
			bundle, err := r.signOne(ctx, signing, t)
			if err != nil {
				return err
			}
			if err := r.noteSigned(ctx, before, t, by, bundle); err != nil {
				return err
			}
		}
		return r.made(ctx, Made{Kind: "signature", Name: path.Base(t.what), Path: t.Path}, "")
	})
	if err != nil {
		return r.explain(err)
	}
	return r.rememberSigned(before)
}

// signOne writes a signature, unless the file has a valid one, and returns it.
func (r *Release) signOne(ctx context.Context, signing *proof.Signing, t signed) (bundle []byte, err error) {
	at := r.path(t.Path)
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case t.File != "":
		bundle, err = signing.File(ctx, r.path(t.what), t.digest, at)
	case t.Simple:
		ref, parseErr := images.ParseReference(t.Ref)
		if parseErr != nil {
			return nil, parseErr
		}
		bundle, err = signing.Simple(ctx, ref.Context(), t.digest, at)
	case t.Statement != "" || t.SBOM.Output != "":
		made, readErr := r.stated(t)
		if readErr != nil {
			return nil, readErr
		}
		bundle, err = signing.Attestation(ctx, made, at)
	default:
		bundle, err = signing.Image(ctx, t.digest, at)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.what, err)
	}
	return bundle, output.WriteFile(at, bundle)
}

// verifySignatures checks the signatures of the plan. verifyNames and lookUp report what is not in reported, unless that
// is empty.
func (r *Release) verifySignatures(ctx context.Context, reported map[string]string) error {
	if r.full.Sign == nil {
		return nil
	}
	trusted, err := r.trusted()
	if err != nil {
		return err
	}
	planned := r.Plan.Signatures()
	if len(planned) > 0 && len(reported) == 0 {
		return fmt.Errorf("%s has nothing of this release, so that no signatures were verified: run build and package", r.relative(output.ReportFile))
	}
	things, err := r.signedThings(planned, reported)
	if err != nil {
		return err
	}
	return parallel.Each(ctx, len(things), r.options.Jobs, func(i int) error {
		t := things[i]
		if t.File != "" {
			// The report is not believed: the file was read for the checksums.
			digest, err := r.sum(ctx, r.path(t.what))
			if err != nil {
				return err
			}
			_, err = proof.VerifyFile(ctx, r.path(t.what), digest, r.path(t.Path), trusted)
			return err
		}
		_, err := r.attachment(ctx, t, v1.Descriptor{Digest: t.digest}, trusted)
		return err
	})
}

// stated returns the statement that is signed in place of an image, or nil for a signature of the image itself.
func (r *Release) stated(t signed) ([]byte, error) {
	switch {
	case t.SBOM.Output != "":
		return r.sbomStatement(t.SBOM, t.digest)
	case t.Statement != "":
		return regular.ReadFile(r.path(t.Statement))
	}
	return nil, nil
}

// attachment returns what registries get for the signature of an image, after it has verified the signature.
func (r *Release) attachment(ctx context.Context, t signed, subject v1.Descriptor, trusted []sign.Verifier) (carry.Attachment, error) {
	ref, err := images.ParseReference(t.Ref)
	if err != nil {
		return carry.Attachment{}, err
	}
	var attachment carry.Attachment
	made, err := r.stated(t)
	switch {
	case err != nil:
	case made != nil:
		attachment, err = proof.NewAttestation(ctx, subject, made, r.path(t.Path), trusted)
	default:
		attachment, err = proof.NewAttachment(ctx, ref.Context(), subject, r.path(t.Path), t.Simple, trusted)
	}
	if err != nil {
		return attachment, fmt.Errorf("signature of %s (%s) in %s: %w", t.Ref, subject.Digest, r.relative(t.Path), err)
	}
	return attachment, nil
}

// openSignatures finds the signatures of images and indexes to send, and reads the key that they, and those of files, must
// be of.
func (p *publication) openSignatures() (err error) {
	if p.full.Sign == nil {
		return nil
	}
	p.signatures = map[string][]plan.Signature{}
	if len(p.registryDestinations()) > 0 && (p.wants("images") || p.wants("index")) {
		for _, s := range p.full.Signatures() {
			if s.Ref != "" {
				p.signatures[s.Ref] = append(p.signatures[s.Ref], s)
			}
		}
	}
	if len(p.signatures) > 0 || p.signsFiles() && p.sendsFiles() {
		p.signers, err = p.trusted()
	}
	return err
}

// gatherSignatures adds the signatures of images and indexes that are pushed. A signature that is missing or invalid is
// an error.
func (p *publication) gatherSignatures(ctx context.Context) error {
	var errs []error
	for _, phase := range p.pushes[:3] {
		for i := range phase {
			for _, s := range p.signatures[phase[i].planned] {
				subject, err := partial.Descriptor(phase[i].artifact)
				if err != nil {
					return err
				}
				attachment, err := p.attachment(ctx, signed{s, s.Ref, subject.Digest}, *subject, p.signers)
				phase[i].attachments, errs = append(phase[i].attachments, attachment), append(errs, err)
			}
		}
	}
	return errors.Join(parallel.Distinct(errs)...)
}
