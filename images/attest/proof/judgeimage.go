package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	packageurl "github.com/package-url/packageurl-go"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/attach"
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
	pulled  v1.Hash
	// subjects are what signatures may be of: the indexes, outermost first, and the manifests.
	subjects []attach.Subject
	claims   []claim
}

// A claim is a trusted statement about the image.
type claim struct {
	// key is the hint of the key or identity that signed it. It is empty if only the signer of the archive vouches for it.
	key           string
	predicateType string
	bases         []base
}

// A base is an image that another one was built on.
type base struct {
	// repository is fully qualified. It is empty if uri does not say it.
	uri, repository string
}

// problem adds a problem once: several names of an image may have the same rule.
func (j *imageJudge) problem(format string, args ...any) {
	if p := fmt.Sprintf(format, args...); !slices.Contains(j.Problems, p) {
		j.Problems = append(j.Problems, p)
	}
}

// JudgeImage says what is proven of an image by a policy. release is that of the archive, or nil. vouched says whether
// a signer of the archive whom the policy trusts vouches for the image and for its documents. pulled is the manifest or
// index that a node is about to pull, or zero for the image in the archive. Unless vouched, a signature counts only if it
// is of what is pulled, or of an index around it: the signature of a manifest says nothing of the others that its index
// lists, and the node may choose one of them.
func JudgeImage(ctx context.Context, img ImageContent, pol *policy.Policy, documents Documents, release *Origin, vouched bool, pulled v1.Hash) ImageVerdict {
	j := &imageJudge{image: img, documents: documents, vouched: vouched, pulled: pulled,
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
	if len(j.rules) == 0 && !vouched {
		j.problem(nobody)
	}
	for _, r := range j.rules {
		j.require(r)
	}
	if vouched && j.Commit == "" && img.Own && release != nil {
		j.Commit = release.Commit
	}
	return j.ImageVerdict
}

const nobody = "nobody whom the policy trusts has signed it, or the archive"

// findRules finds the rule for each name of the image. The image must meet all of them.
func (j *imageJudge) findRules(pol *policy.Policy) {
	if len(pol.Images) == 0 {
		return
	}
	for _, n := range j.image.Names {
		ref, err := images.ParseTag(n)
		if err != nil || images.Qualified(ref) != n { // another spelling of a name would have another rule
			j.problem("its name %q is not a full reference with a tag", n)
			continue
		}
		repository := repositoryOf(ref)
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
	var manifests []attach.Subject
	for _, h := range []v1.Hash{j.image.Registry.Manifest, j.image.Manifest} {
		raw := j.document(h)
		if raw == nil {
			continue
		}
		if len(manifests) == 0 || manifests[0].Digest != h {
			manifests = append(manifests, attach.Subject{Digest: h, Content: raw})
		}
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
			j.subjects = append(j.subjects, attach.Subject{Digest: h, Content: raw})
		}
		inner = h
	}
	slices.Reverse(j.subjects)
	j.subjects = append(j.subjects, manifests...)
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
			j.claims = append(j.claims, claim{predicateType: predicateOf(item.MediaType)})
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
	if item.MediaType != statement.MediaType {
		j.signed(ctx, item, raw)
		return
	}
	s, err := statement.Read(raw)
	switch {
	case err != nil:
		j.problem("%s %s: %v", item.Kind, item.Digest, err)
	case !slices.ContainsFunc(j.subjects, func(of attach.Subject) bool { return s.About(of.Digest.String()) }):
		j.problem("the %s %s is not about this image", item.Kind, item.Digest)
	case j.vouched:
		j.claim("", s)
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

// signed verifies a document with the keys of all rules. One that others have signed proves nothing, and is no problem: a
// registry may have attached anything.
func (j *imageJudge) signed(ctx context.Context, item Item, raw []byte) {
	document := attach.Document{MediaType: item.MediaType, Annotations: item.Annotations, Content: raw}
	for keys := policy.Keys(j.signers); len(keys) > 0; { // several identities may accept one signature
		v, err := document.Verify(ctx, keys, j.subjects...)
		if v.Key == nil {
			return
		}
		if err != nil {
			j.problem("the %s %s: %v", item.Kind, item.Digest, err)
			return
		}
		hint, predicate := v.Key.Hint(), ""
		if v.Statement != nil {
			predicate = v.Statement.PredicateType
			j.claim(hint, v.Statement)
		}
		for _, s := range v.Subjects {
			j.SignedBy = append(j.SignedBy, SignedBy{policy.NameOf(j.signers, v.Key), v.Key.String(), s.Digest.String(), predicate, hint})
		}
		keys = slices.DeleteFunc(keys, func(k sign.Verifier) bool { return k.Hint() == hint })
	}
}

// claim adds a trusted statement.
func (j *imageJudge) claim(key string, s *statement.Statement) {
	c := claim{key: key, predicateType: s.PredicateType}
	if s.PredicateType == statement.Provenance {
		c.bases = j.provenance(s.Predicate)
	}
	j.claims = append(j.claims, c)
}

// provenance reads from which commit and on which bases the image was built (SLSA provenance v1).
func (j *imageJudge) provenance(predicate json.RawMessage) []base {
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
		return nil
	}
	var bases []base
	for _, d := range p.BuildDefinition.ResolvedDependencies {
		if commit := d.Digest["gitCommit"]; commit != "" && j.Commit == "" {
			j.Source, j.Commit = d.URI, commit
		}
		if b, ok := baseOf(d.URI); ok {
			bases = append(bases, b)
		}
	}
	return bases
}

// require checks what a rule requires of the image. Only what the rule's own signers have signed counts, or what the
// signer of the archive vouches for.
func (j *imageJudge) require(r policy.Rule) {
	keys := map[string]bool{}
	for _, k := range policy.Keys(r.Signers) {
		keys[k.Hint()] = true
	}
	switch {
	case len(r.Signers) == 0 && !j.vouched:
		j.problem(nobody)
	case len(r.Signers) > 0 && !slices.ContainsFunc(j.SignedBy, func(s SignedBy) bool { return keys[s.hint] && j.suffices(s) }):
		var names []string
		for _, s := range r.Signers {
			names = append(names, s.Name)
		}
		j.problem("it is not signed by %s", strings.Join(names, " or "))
	}
	types := map[string]bool{}
	var bases []base
	for _, c := range j.claims {
		if j.vouched || keys[c.key] {
			types[c.predicateType] = true
			bases = append(bases, c.bases...)
		}
	}
	for _, t := range r.Predicates {
		if !types[t] {
			j.problem("it has no trusted statement of type %s", t)
		}
	}
	if len(r.Bases) == 0 {
		return
	}
	if len(bases) == 0 {
		j.problem("no trusted provenance states its base, and the policy allows only some")
	}
	for _, b := range bases {
		switch {
		case b.repository == "":
			j.problem("it is built on %s, which does not say its repository, and the policy allows only some", b.uri)
		case !r.Allows(b.repository):
			j.problem("it is built on %s, which the policy does not allow", b.repository)
		}
	}
}

// suffices reports whether a signature is one of the image that is judged: not an attestation, and, if the signer of the
// archive does not vouch for the image, of what is pulled or of an index around it.
func (j *imageJudge) suffices(s SignedBy) bool {
	if s.Predicate != "" && s.Predicate != attach.SignaturePredicate {
		return false
	}
	if j.vouched || j.pulled == (v1.Hash{}) || s.Subject == j.pulled.String() {
		return true
	}
	chain := append(slices.Clone(j.image.Registry.Indexes), j.image.Registry.Manifest)
	around := chain[:max(0, slices.Index(chain, j.pulled))]
	return slices.ContainsFunc(around, func(h v1.Hash) bool { return h.String() == s.Subject })
}

// repositoryOf returns the fully qualified repository of a reference, in lower case: the case of a host has no meaning,
// and paths have no upper case.
func repositoryOf(ref name.Tag) string {
	qualified := strings.ToLower(images.Qualified(ref))
	return qualified[:strings.LastIndexByte(qualified, ':')]
}

// baseOf returns the image that a provenance names by a package URL, of type oci (Slipway) or docker (BuildKit).
func baseOf(uri string) (base, bool) {
	b := base{uri: uri}
	if len(uri) < 4 || !strings.EqualFold(uri[:4], "pkg:") {
		return b, false
	}
	parsed, err := packageurl.FromString(uri)
	if err != nil {
		return b, true // it may be an image
	}
	repository := parsed.Qualifiers.Map()["repository_url"]
	switch parsed.Type {
	case packageurl.TypeOCI: // the URL has the name
	case packageurl.TypeDocker: // the URL is that of the registry
		names := []string{strings.TrimSuffix(repository, "/"), parsed.Namespace, parsed.Name}
		repository = strings.Join(slices.DeleteFunc(names, func(s string) bool { return s == "" }), "/")
	default:
		return b, false
	}
	if ref, err := images.ParseTag(repository); err == nil && repository != "" {
		b.repository = repositoryOf(ref)
	}
	return b, true
}
