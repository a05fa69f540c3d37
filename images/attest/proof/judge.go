package proof

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
)

// A Verdict says what the proof of an archive proves by a policy.
type Verdict struct {
	Release *Origin `json:"release,omitempty"`
	// SignedBy are the trusted signatures over the content statement.
	SignedBy []SignedBy     `json:"signedBy"`
	Images   []ImageVerdict `json:"images"`
	// Problems are those of the archive as a whole.
	Problems []string `json:"problems"`
}

// A SignedBy is a signature that the policy trusts.
type SignedBy struct {
	// Signer is the name of the signer in the policy, and Key the SHA-256 of the public key in base64, or the identity
	// that signed: subject and issuer.
	Signer string `json:"signer"`
	Key    string `json:"key"`
	// Subject is the digest of what was signed: the content statement, the archive as a file, or a manifest or an
	// index of the registry.
	Subject string `json:"subject"`
	// Predicate is the predicate type of the statement that was signed. It is empty for a signature over bytes.
	Predicate string `json:"predicate,omitempty"`
	// hint is that of the verifier. Unlike Key, it tells identities with the same subject in several trusted roots apart.
	hint string
}

// An ImageVerdict says what is proven of an image.
type ImageVerdict struct {
	Image    string   `json:"image"` // the first name
	Names    []string `json:"names"`
	Platform string   `json:"platform"`
	ID       string   `json:"id"` // the digest of the config
	// SignedBy are the trusted signatures over the image in its registry. It is empty if only the signer of the
	// archive vouches for the image.
	SignedBy []SignedBy `json:"signedBy"`
	// Source and Commit are the repository and the commit that the image was built from, if its provenance or the
	// release of the archive says it.
	Source string `json:"source,omitempty"`
	Commit string `json:"commit,omitempty"`
	// Problems say which checks failed.
	Problems []string `json:"problems"`
}

// All returns all problems, those of images with their names.
func (v *Verdict) All() []string {
	all := slices.Clone(v.Problems)
	for _, img := range v.Images {
		for _, p := range img.Problems {
			all = append(all, fmt.Sprintf("image %s: %s", img.Image, p))
		}
	}
	return all
}

func (v *Verdict) problem(format string, args ...any) {
	v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
}

// Documents returns the content of a file of the archive by its digest, an item or a blob. It has to be of this
// digest; nil means that there is none.
type Documents func(h v1.Hash) []byte

// Judge checks the signatures over the content statement, and what is proven of each image, by a policy. It does not
// check that the archive has the content that the statement says; see Compare.
func (p *Proof) Judge(ctx context.Context, pol *policy.Policy, documents Documents) *Verdict {
	v := p.JudgeArchive(ctx, pol)
	for _, img := range p.Content.Images {
		v.Images = append(v.Images, JudgeImage(ctx, img, pol, documents, p.Content.Release, len(v.SignedBy) > 0, v1.Hash{}))
	}
	return v
}

// JudgeArchive is Judge without images: it checks the signatures over the content statement, and the release.
func (p *Proof) JudgeArchive(ctx context.Context, pol *policy.Policy) *Verdict {
	v := &Verdict{Release: p.Content.Release, SignedBy: []SignedBy{}, Images: []ImageVerdict{}, Problems: []string{}}
	p.judgeSignatures(ctx, pol, v)
	release := p.Content.Release
	if release == nil {
		release = &Origin{}
	}
	if err := pol.Archive.CheckRelease(release.Name, release.Version); err != nil {
		v.problem("%v", err)
	}
	return v
}

// judgeSignatures checks the signatures over the content statement. All of them must be good, or claim to be of other
// keys than those of the policy.
func (p *Proof) judgeSignatures(ctx context.Context, pol *policy.Policy, v *Verdict) {
	subject := Attachment{Content: p.Statement}.Digest().String()
	keys, message := policy.Keys(pol.Archive.Signers), sign.Enveloped(statement.MediaType, p.Statement)
	var others []string
	for i, s := range p.Signatures {
		key, err := s.signedBy(ctx, message, keys)
		switch {
		case err == nil:
			v.SignedBy = append(v.SignedBy, SignedBy{policy.NameOf(pol.Archive.Signers, key), key.String(), subject, predicateType, key.Hint()})
		case key != nil || slices.ContainsFunc(keys, func(v sign.Verifier) bool { return v.Hint() == s.hint }):
			v.problem("%s: %v", signatureFile(i+1), err)
		default:
			others = append(others, fmt.Sprintf("%s: %v", signatureFile(i+1), err))
		}
	}
	if p.Beside != nil {
		signer, err := p.Beside.verify(ctx, keys)
		if err == nil {
			of := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(p.Beside.Digest[:])}
			v.SignedBy = append(v.SignedBy, SignedBy{policy.NameOf(pol.Archive.Signers, signer), signer.String(), of.String(), "", signer.Hint()})
		} else {
			others = append(others, fmt.Sprintf("%s: %v", p.Beside.Name, err))
		}
	}
	if len(pol.Archive.Signers) == 0 || len(v.SignedBy) > 0 {
		return
	}
	if len(p.Signatures) == 0 && p.Beside == nil {
		text := "its content statement is not signed"
		if policy.Identities(pol.Archive.Signers) {
			text += ", and no FILE.sigstore.json beside it is read here: that is where signatures of identities are"
		}
		v.problem("%s", text)
	}
	v.Problems = append(v.Problems, others...)
}

// VerifySignature checks that a Sigstore bundle is a signature of a content statement by one of the keys, and returns
// the key.
func VerifySignature(ctx context.Context, content, raw []byte, keys []sign.Verifier) (sign.Verifier, error) {
	s, err := parseSignature(raw, content)
	if err != nil {
		return nil, err
	}
	return s.signedBy(ctx, sign.Enveloped(statement.MediaType, content), keys)
}

// Compare compares an archive with its content statement. files are all its files, without folders. names has the
// image ID of each name in the archive.
func (p *Proof) Compare(files []File, names map[string]v1.Hash) []string {
	var problems []string
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	want := map[string]File{}
	for _, f := range p.Content.Files {
		switch {
		case want[f.Name].Name != "":
			say("the content statement lists file %s twice", f.Name)
		case f.Name == StatementFile || IsSignatureFile(f.Name):
			say("the content statement lists file %s, which it cannot: its digest depends on the statement", f.Name)
		}
		want[f.Name] = f
	}
	seen := map[string]bool{}
	signatures := 0
	for _, f := range files {
		if seen[f.Name] {
			say("duplicate file %s", f.Name)
		}
		seen[f.Name] = true
		if f.Name == StatementFile {
			continue
		}
		if IsSignatureFile(f.Name) {
			signatures++
			continue
		}
		switch w, ok := want[f.Name]; {
		case !ok:
			say("file %s was added: the content statement does not list it", f.Name)
		case w != f:
			say("file %s was changed: it has %d bytes and the digest %s, and the content statement says %d and %s", f.Name, f.Size, f.Digest, w.Size, w.Digest)
		}
	}
	if signatures != len(p.Signatures) {
		say("%d of its %d signatures are not numbered in order, as %s, %s and so on", signatures-len(p.Signatures), signatures, signatureFile(1), signatureFile(2))
	}
	for _, f := range p.Content.Files {
		if !seen[f.Name] {
			say("file %s is missing: the content statement lists it", f.Name)
		}
	}
	listed := map[string]bool{}
	for _, img := range p.Content.Images {
		for _, n := range img.Names {
			listed[n] = true
			switch id, ok := names[n]; {
			case !ok:
				say("image %s is missing: the content statement lists it", n)
			case id != img.Config:
				say("image %s has the ID %s, and the content statement says %s", n, id, img.Config)
			}
		}
	}
	for _, n := range sorted(names) {
		if !listed[n] {
			say("image %s was added: the content statement does not list it", n)
		}
	}
	return problems
}

func sorted(names map[string]v1.Hash) []string {
	var all []string
	for n := range names {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}
