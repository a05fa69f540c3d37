package proof

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
)

// An imageJudge judges one image.
type imageJudge struct {
	ImageVerdict
	image     ImageContent
	documents Documents
	// rules are those for the names of the image, and signers are all of theirs.
	rules   []policy.Rule
	signers []policy.Signer
	// vouched is set if a signer of the archive vouches for the documents, which need no signature then.
	vouched bool
	types   map[string]bool // the predicate types of trusted statements
	// subjects are the digests by which signatures name the image, and their documents.
	subjects map[string][]byte
	bases    []string
}

func (j *imageJudge) problem(format string, args ...any) {
	j.Problems = append(j.Problems, fmt.Sprintf(format, args...))
}

// JudgeImage says what is proven of an image by a policy. release is that of the archive, or nil. vouched says whether
// a signer of the archive whom the policy trusts vouches for the image and for its documents.
func JudgeImage(ctx context.Context, img ImageContent, pol *policy.Policy, documents Documents, release *Origin, vouched bool) ImageVerdict {
	j := &imageJudge{image: img, documents: documents, vouched: vouched, subjects: map[string][]byte{}, types: map[string]bool{},
		ImageVerdict: ImageVerdict{Names: img.Names, Platform: img.Platform, ID: img.Config.String(), SignedBy: []SignedBy{}, Problems: []string{}}}
	if len(img.Names) == 0 {
		j.problem("an image without a name")
		return j.ImageVerdict
	}
	j.Image = img.Names[0]
	j.chain()
	j.findRules(pol)
	for _, item := range img.Proof {
		j.item(ctx, item)
	}
	for _, r := range j.rules {
		j.require(r)
	}
	if !vouched && len(j.SignedBy) == 0 {
		j.problem("nobody whom the policy trusts has signed it, or the archive")
	}
	if vouched && j.Commit == "" && img.Own && release != nil {
		j.Commit = release.Commit
	}
	return j.ImageVerdict
}

// findRules finds the rule for each name of the image. The image must meet all of them.
func (j *imageJudge) findRules(pol *policy.Policy) {
	if len(pol.Images) == 0 {
		return
	}
	for _, n := range j.image.Names {
		repository := n[:max(0, strings.LastIndexByte(n, ':'))]
		rule, ok := pol.RuleFor(repository)
		if !ok {
			j.problem("the policy has no rule for repository %s", repository)
			continue
		}
		j.rules, j.signers = append(j.rules, rule), append(j.signers, rule.Signers...)
	}
}

// chain checks that the registry's index leads to the registry's manifest, and this to the image in the archive.
func (j *imageJudge) chain() {
	config := j.document(j.image.Config)
	var parsed struct {
		RootFS struct {
			DiffIDs []v1.Hash `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if config != nil && (json.Unmarshal(config, &parsed) != nil || !slices.Equal(parsed.RootFS.DiffIDs, j.image.DiffIDs)) {
		j.problem("its config has other diff IDs than the content statement says")
	}
	for _, h := range []v1.Hash{j.image.Manifest, j.image.Registry.Manifest} {
		raw := j.document(h)
		if raw == nil {
			continue
		}
		j.subjects[h.String()] = raw
		m, err := v1.ParseManifest(bytes.NewReader(raw))
		if err != nil || m.Config.Digest != j.image.Config {
			j.problem("the manifest %s is not that of the image %s", h, j.image.Config)
		}
	}
	inner := j.image.Registry.Manifest
	for _, h := range slices.Backward(j.image.Registry.Indexes) {
		raw := j.document(h)
		if raw == nil {
			continue
		}
		index, err := v1.ParseIndexManifest(bytes.NewReader(raw))
		if err != nil || !slices.ContainsFunc(index.Manifests, func(d v1.Descriptor) bool { return d.Digest == inner }) {
			j.problem("the index %s does not list %s", h, inner)
		} else {
			j.subjects[h.String()] = raw
		}
		inner = h
	}
}

// document returns a document that the archive must have.
func (j *imageJudge) document(h v1.Hash) []byte {
	raw := j.documents(h)
	if raw == nil {
		j.problem("the archive does not have %s, which leads from signatures to the image, or has it too large", h)
	}
	return raw
}

// item reads a signature or a provenance.
func (j *imageJudge) item(ctx context.Context, item Item) {
	switch item.Kind {
	case SBOM:
		if j.vouched { // the content statement has its digest
			j.types[predicateOf(item.MediaType)] = true
		}
		return
	case Signature, Provenance, VEX:
	default:
		return
	}
	raw := j.documents(item.Digest)
	if raw == nil {
		j.problem("the archive does not have the %s %s, or has it too large", item.Kind, item.Digest)
		return
	}
	switch item.MediaType {
	case sign.MediaType:
		b, err := sign.ParseBundle(raw)
		j.bundle(ctx, item, b, err)
	case sign.DSSEEnvelope:
		b, err := sign.ParseEnvelope(raw)
		j.bundle(ctx, item, b, err)
	case sign.SimpleSigning:
		j.simple(ctx, item, raw)
	case statement.MediaType:
		j.statement(item, raw, j.vouched)
	}
}

// predicateOf returns the predicate type of a document that is not in a statement.
func predicateOf(mediaType string) string {
	switch mediaType {
	case "application/spdx+json":
		return statement.SPDX
	case "application/vnd.cyclonedx+json":
		return statement.CycloneDX
	}
	return mediaType
}

// bundle verifies a bundle over the image with the keys of the rule. A bundle of others proves nothing, and is no
// problem.
func (j *imageJudge) bundle(ctx context.Context, item Item, b *sign.Bundle, err error) {
	keys := policy.Keys(j.signers)
	if err != nil || len(keys) == 0 {
		return // a registry may have attached anything
	}
	if !b.IsEnvelope() {
		for digest, content := range j.subjects {
			if key, err := b.VerifyMessage(ctx, sign.Bytes(content), keys); err == nil {
				j.signed(key, digest, "")
			}
		}
		return
	}
	envelope, err := b.VerifyEnvelope(ctx, keys)
	if err != nil || envelope.PayloadType != statement.MediaType {
		return
	}
	s := j.statement(item, envelope.Payload, true)
	if s == nil {
		return
	}
	for digest := range j.subjects {
		if s.About(digest) {
			j.signed(envelope.Key, digest, s.PredicateType)
		}
	}
}

func (j *imageJudge) signed(key *sign.PublicKey, digest, predicate string) {
	j.SignedBy = append(j.SignedBy, SignedBy{policy.NameOf(j.signers, key), key.Hint(), digest, predicate})
}

// simple verifies a signature of simple signing, as bundle does. The message has the digest of the image
// (https://github.com/containers/image/blob/main/docs/containers-signature.5.md).
func (j *imageJudge) simple(ctx context.Context, item Item, raw []byte) {
	signature, err := base64.StdEncoding.DecodeString(item.Annotations[sign.SimpleSignature])
	if err != nil {
		return
	}
	key, err := sign.NewMessageSignature(signature).VerifyMessage(ctx, sign.Bytes(raw), policy.Keys(j.signers))
	if err != nil {
		return
	}
	var message struct {
		Critical struct {
			Image struct {
				Digest string `json:"docker-manifest-digest"`
			} `json:"image"`
			Type string `json:"type"`
		} `json:"critical"`
	}
	if err := jsonv2.Unmarshal(raw, &message); err != nil {
		j.problem("%s %s: %v", item.Kind, item.Digest, err)
		return
	}
	digest := message.Critical.Image.Digest
	if message.Critical.Type != "cosign container image signature" || j.subjects[digest] == nil {
		j.problem("the %s %s is not about this image", item.Kind, item.Digest)
		return
	}
	j.signed(key, digest, "")
}

// statement reads a statement, which must be about the image. What it says counts if it is trusted.
func (j *imageJudge) statement(item Item, raw []byte, trusted bool) *statement.Statement {
	s, err := statement.Read(raw)
	if err != nil {
		j.problem("%s %s: %v", item.Kind, item.Digest, err)
		return nil
	}
	about := false
	for digest := range j.subjects {
		about = about || s.About(digest)
	}
	if !about {
		j.problem("the %s %s is not about this image", item.Kind, item.Digest)
		return nil
	}
	if !trusted {
		return s
	}
	j.types[s.PredicateType] = true
	if s.PredicateType == statement.Provenance {
		j.provenance(s.Predicate)
	}
	return s
}

// provenance reads from which commit and on which bases the image was built (SLSA provenance v1).
func (j *imageJudge) provenance(predicate json.RawMessage) {
	var p struct {
		BuildDefinition struct {
			ResolvedDependencies []struct {
				URI    string            `json:"uri"`
				Digest map[string]string `json:"digest"`
			} `json:"resolvedDependencies"`
		} `json:"buildDefinition"`
	}
	if err := json.Unmarshal(predicate, &p); err != nil {
		j.problem("its provenance: %v", err)
		return
	}
	for _, d := range p.BuildDefinition.ResolvedDependencies {
		if commit := d.Digest["gitCommit"]; commit != "" && j.Commit == "" {
			j.Source, j.Commit = d.URI, commit
		}
		if repository, ok := repositoryOf(d.URI); ok {
			j.bases = append(j.bases, repository)
		}
	}
}

// require checks what a rule requires of the image.
func (j *imageJudge) require(r policy.Rule) {
	signed := slices.ContainsFunc(j.SignedBy, func(s SignedBy) bool {
		return slices.ContainsFunc(policy.Keys(r.Signers), func(k *sign.PublicKey) bool { return k.Hint() == s.Key })
	})
	if len(r.Signers) > 0 && !signed {
		var names []string
		for _, s := range r.Signers {
			names = append(names, s.Name)
		}
		j.problem("it is not signed by %s", strings.Join(names, " or "))
	}
	for _, t := range r.Predicates {
		if !j.types[t] {
			j.problem("it has no trusted statement of type %s", t)
		}
	}
	if len(r.Bases) == 0 {
		return
	}
	if len(j.bases) == 0 {
		j.problem("no trusted provenance states its base, and the policy allows only some")
	}
	for _, b := range j.bases {
		if !r.Allows(b) {
			j.problem("it is built on %s, which the policy does not allow", b)
		}
	}
}

// repositoryOf returns the fully qualified repository of an image that a provenance names by a package URL, of type
// oci (Slipway) or docker (BuildKit).
func repositoryOf(uri string) (string, bool) {
	kind, rest, _ := strings.Cut(uri, "/")
	name, query, _ := strings.Cut(rest, "?")
	switch kind {
	case "pkg:oci":
		qualifiers, err := url.ParseQuery(query)
		if err != nil {
			return "", false
		}
		name = qualifiers.Get("repository_url")
	case "pkg:docker":
		name, _, _ = strings.Cut(name, "@")
		name, _ = url.PathUnescape(name)
	default:
		return "", false
	}
	ref, err := images.ParseReference(name)
	if err != nil {
		return "", false
	}
	qualified := images.Qualified(ref)
	return qualified[:strings.LastIndexByte(qualified, ':')], true
}
