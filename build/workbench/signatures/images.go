package signatures

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/attach"
	"github.com/slipway-build/slipway/images/attest/carry"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// transfers is the number of images, and of requests for one, at the same time. They wait for the network.
const transfers = 4

// A SignJob signs images and indexes of registries.
type SignJob struct {
	Refs []string
	Key  proof.KeySource
	// Attach says how the registry gets the signatures: referrers, tags, or both.
	Attach []string
	// Recursive signs the manifests of an index, too.
	Recursive bool
}

// A SignedImage is an image, or an index with its manifests, that was signed or whose signature was verified.
type SignedImage struct {
	Image  string `json:"image"`
	Digest string `json:"digest"`
	// Signatures are those of the image or index itself, and of the manifests of the index.
	Signatures []ImageSignature `json:"signatures"`
}

// An ImageSignature is a signature or attestation of one manifest.
type ImageSignature struct {
	// Subject is the digest of the manifest.
	Subject string `json:"subject"`
	// Predicate is the type of the statement that was signed.
	Predicate string `json:"predicate"`
	// Key is the SHA-256 of the public key in base64, or the identity: the subject and the issuer that signed,
	// or those that SignImages was asked for.
	Key string `json:"key"`
	// Attached is the reference of the signature, and Artifact describes what is there.
	Attached string        `json:"attached"`
	Artifact v1.Descriptor `json:"-"`
}

// SignImages signs images and indexes by their digests with the key of a job, and attaches the signatures.
func SignImages(ctx context.Context, w *workbench.Workbench, job SignJob) ([]SignedImage, error) {
	signing, err := proof.NewSigning(ctx, job.Key)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return SignAll(ctx, w, signing, job)
}

// SignAll is SignImages with a signing in place of the key of the job. Valid signatures that the registry has are kept,
// since not all keys make the same signature twice.
func SignAll(ctx context.Context, w *workbench.Workbench, signing *proof.Signing, job SignJob) ([]SignedImage, error) {
	out := make([]SignedImage, len(job.Refs))
	err := parallel.Each(ctx, len(job.Refs), transfers, func(i int) error {
		found, err := find(ctx, w, job.Refs[i], job.Recursive, func(index v1.ImageIndex) ([]v1.Hash, error) { return carry.Subjects(index) })
		if err != nil {
			return err
		}
		out[i], err = signImage(ctx, w, signing, found, job.Attach)
		return err
	})
	return out, err
}

// subjects are an image or index of a registry, and the manifests to sign or verify of it.
type subjects struct {
	ref     name.Reference
	digest  v1.Hash
	digests []v1.Hash // digest is the first
}

// find finds an image or index. If recursive is set, the subjects of an index are those that within returns.
func find(ctx context.Context, w *workbench.Workbench, text string, recursive bool, within func(v1.ImageIndex) ([]v1.Hash, error)) (subjects, error) {
	ref, err := images.ParseReference(images.TrimTransport(text))
	if err != nil {
		return subjects{}, usage.Wrap(err)
	}
	m, err := w.Registry.Resolve(ctx, ref)
	if err != nil {
		return subjects{}, err
	}
	out := subjects{ref, m.Descriptor.Digest, []v1.Hash{m.Descriptor.Digest}}
	if recursive && m.Descriptor.MediaType.IsIndex() {
		index, err := m.Index()
		if err != nil {
			return subjects{}, err
		}
		if out.digests, err = within(index); err != nil {
			return subjects{}, err
		}
	}
	return out, nil
}

func signImage(ctx context.Context, w *workbench.Workbench, signing *proof.Signing, of subjects, how []string) (out SignedImage, err error) {
	task := progress.Start(ctx, "sign "+images.Familiar(of.ref))
	defer func() { task.Done(err) }()
	repo := of.ref.Context()
	there, err := carry.Find(ctx, w.Registry, repo, of.digests, transfers)
	if err != nil {
		return out, err
	}
	var attachments []carry.Attachment
	for _, digest := range of.digests {
		m, err := w.Registry.Resolve(ctx, repo.Digest(digest.String()))
		if errors.Is(err, fs.ErrNotExist) && digest != of.digest {
			continue // the registry has only some of the images
		}
		if err != nil {
			return out, err
		}
		for _, simple := range []bool{false, true} {
			if !slices.Contains(how, map[bool]string{false: "referrers", true: "tags"}[simple]) {
				continue
			}
			a, ok := signedBefore(ctx, there, digest, simple, signing.Verifier())
			if !ok {
				if a, err = signing.Attachment(ctx, repo, m.Descriptor, simple); err != nil {
					return out, err
				}
			}
			attachments = append(attachments, a)
		}
	}
	out = SignedImage{Image: images.Qualified(of.ref), Digest: of.digest.String()}
	for _, a := range attachments {
		out.Signatures = append(out.Signatures, ImageSignature{a.Subject.String(), attach.SignaturePredicate, signing.Verifier().String(), images.Qualified(a.Ref(repo)), a.Descriptor})
	}
	return out, carry.Send(ctx, w.Registry, repo, attachments, false, transfers)
}

// signedBefore returns the signature of a subject by a key or an identity, in one of its forms, among what a registry has.
func signedBefore(ctx context.Context, there []carry.Attachment, subject v1.Hash, simple bool, by sign.Verifier) (carry.Attachment, bool) {
	for _, a := range there {
		image, ok := a.Artifact.(v1.Image)
		if !ok || a.Subject != subject || (a.Tag != "") != simple {
			continue
		}
		found, err := attach.Verify(ctx, subject, image, []sign.Verifier{by})
		if err == nil && slices.ContainsFunc(found, func(v attach.Verified) bool { return v.PredicateType() == attach.SignaturePredicate }) {
			return a, true
		}
	}
	return carry.Attachment{}, false
}

// A VerifyJob verifies the signatures of images and indexes of registries.
type VerifyJob struct {
	Refs []string
	// Trusted are those of whom one must have signed.
	Trusted []sign.Verifier
	// Recursive requires signatures of the images of an index, too.
	Recursive bool
}

// VerifyImages returns the signatures and attestations of images and indexes that one of the keys or identities has
// signed. A manifest without such a signature is an error; attestations do not count as signatures.
func VerifyImages(ctx context.Context, w *workbench.Workbench, job VerifyJob) ([]SignedImage, error) {
	out := make([]SignedImage, len(job.Refs))
	err := parallel.Each(ctx, len(job.Refs), transfers, func(i int) error {
		found, err := find(ctx, w, job.Refs[i], job.Recursive, carry.Runnable)
		if err != nil {
			return err
		}
		out[i], err = verifyImage(ctx, w, found, job.Trusted)
		return err
	})
	return out, err
}

func verifyImage(ctx context.Context, w *workbench.Workbench, of subjects, trusted []sign.Verifier) (SignedImage, error) {
	repo := of.ref.Context()
	out := SignedImage{Image: images.Qualified(of.ref), Digest: of.digest.String()}
	attachments, err := carry.Find(ctx, w.Registry, repo, of.digests, transfers)
	if err != nil {
		return out, err
	}
	var errs []error
	for _, digest := range of.digests {
		signed := false
		var why []error
		for _, a := range attachments {
			image, ok := a.Artifact.(v1.Image)
			if a.Subject != digest || !ok {
				continue
			}
			found, err := attach.Verify(ctx, digest, image, trusted)
			if errors.Is(err, attach.ErrOtherContent) {
				continue
			}
			if err != nil {
				why = append(why, fmt.Errorf("%s: %w", images.Familiar(a.Ref(repo)), err))
			}
			for _, v := range found {
				signed = signed || v.IsSignature()
				out.Signatures = append(out.Signatures, ImageSignature{digest.String(), v.PredicateType(), v.Key.String(), images.Qualified(a.Ref(repo)), a.Descriptor})
			}
		}
		switch {
		case signed:
		case len(why) > 0:
			errs = append(errs, fmt.Errorf("%s: no signature of %s is valid: %w", out.Image, digest, errors.Join(why...)))
		default:
			errs = append(errs, fmt.Errorf("%s: missing signature of %s", out.Image, digest))
		}
	}
	return out, errors.Join(errs...)
}
