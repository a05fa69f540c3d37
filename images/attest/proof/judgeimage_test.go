package proof_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/attest/attach"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
)

const aKey, bKey = 1, 2

func signer(t *testing.T, name string, seed byte) policy.Signer {
	return policy.Signer{Name: name, Keys: sign.Verifiers(airgaptest.Key(t, seed).PublicKey())}
}

// A judged is an image whose index lists two manifests.
type judged struct {
	proof.ImageContent
	documents map[v1.Hash][]byte
	index     v1.Hash
	other     v1.Hash // the other manifest of the index
}

func (j *judged) add(t *testing.T, content any) v1.Hash {
	t.Helper()
	raw, ok := content.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(content); err != nil {
			t.Fatal(err)
		}
	}
	h := proof.Attachment{Content: raw}.Digest()
	j.documents[h] = raw
	return h
}

func (j *judged) attach(t *testing.T, attached ...proof.Attachment) {
	for _, a := range attached {
		j.Proof = append(j.Proof, proof.Item{Kind: a.Kind, MediaType: a.MediaType, Digest: j.add(t, a.Content), Annotations: a.Annotations})
	}
}

func newJudged(t *testing.T, names ...string) *judged {
	j := &judged{documents: map[v1.Hash][]byte{}}
	layer := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}
	config := j.add(t, map[string]any{"rootfs": map[string]any{"type": "layers", "diff_ids": []v1.Hash{layer}}})
	manifest := j.add(t, v1.Manifest{SchemaVersion: 2, Config: v1.Descriptor{Digest: config}})
	j.other = v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ef", 32)}
	j.index = j.add(t, v1.IndexManifest{SchemaVersion: 2, Manifests: []v1.Descriptor{{Digest: manifest}, {Digest: j.other}}})
	j.ImageContent = proof.ImageContent{Names: names, Config: config, Manifest: manifest, DiffIDs: []v1.Hash{layer},
		Registry: proof.RegistryDigests{Manifest: manifest, Indexes: []v1.Hash{j.index}}}
	return j
}

func (j *judged) judge(t *testing.T, rules []policy.Rule, vouched bool, pulled v1.Hash) proof.ImageVerdict {
	return proof.JudgeImage(t.Context(), j.ImageContent, &policy.Policy{Images: rules}, func(h v1.Hash) []byte { return j.documents[h] }, nil, vouched, pulled)
}

func wantProblems(t *testing.T, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("problems %q, want %q", got, want)
		return
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("problem %q, want %q", got[i], want[i])
		}
	}
}

func provenance(uris ...string) map[string]any {
	dependencies := []any{}
	for _, u := range uris {
		dependencies = append(dependencies, map[string]any{"uri": u})
	}
	return map[string]any{"buildDefinition": map[string]any{"resolvedDependencies": dependencies}}
}

// An image with names of two rules has to meet each by the signers of the rule itself.
func TestRulesLendNoTrust(t *testing.T) {
	img := newJudged(t, "b.example.com/x:1", "docker.io/library/nginx:1")
	b := airgaptest.Key(t, bKey)
	img.attach(t, airgaptest.Attested(t, b, proof.Signature, attach.SignaturePredicate, map[string]any{}, img.index.String()),
		airgaptest.Attested(t, b, proof.Provenance, statement.Provenance, provenance("pkg:oci/s?repository_url=gcr.io/distroless/static"), img.index.String()))
	ofB := policy.Rule{Repositories: []string{"b.example.com/**"}, Signers: []policy.Signer{signer(t, "b", bKey)}}
	hub := func(signers ...policy.Signer) policy.Rule {
		return policy.Rule{Repositories: []string{"docker.io/library/**"}, Signers: signers, Predicates: []string{statement.Provenance}, Bases: []string{"gcr.io/distroless/*"}}
	}
	noType, noBase := "it has no trusted statement of type", "no trusted provenance states its base"
	for _, c := range []struct {
		name    string
		hub     policy.Rule
		vouched bool
		want    []string
	}{
		{"a rule without signers", hub(), false, []string{"nobody whom the policy trusts", noType, noBase}},
		{"a rule without signers, vouched", hub(), true, nil},
		{"another signer", hub(signer(t, "a", aKey)), false, []string{"it is not signed by a", noType, noBase}},
		{"another signer, vouched", hub(signer(t, "a", aKey)), true, []string{"it is not signed by a"}},
		{"the same signer", hub(signer(t, "b", bKey)), false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantProblems(t, img.judge(t, []policy.Rule{ofB, c.hub}, c.vouched, v1.Hash{}).Problems, c.want...)
		})
	}
}

// Another spelling of a name would choose another rule than that of the image that nodes pull by it.
func TestNamesAreFull(t *testing.T) {
	rules := []policy.Rule{{Repositories: []string{"docker.io/library/*"}, Signers: []policy.Signer{signer(t, "a", aKey)}},
		{Repositories: []string{"**"}, Signers: []policy.Signer{signer(t, "b", bKey)}}}
	for _, name := range []string{"nginx:1", "index.docker.io/library/nginx:1", "docker.io/library/nginx", "docker.io/library/nginx@sha256:" + strings.Repeat("a", 64)} {
		img := newJudged(t, "b.example.com/x:1", name)
		img.attach(t, airgaptest.Attested(t, airgaptest.Key(t, bKey), proof.Signature, attach.SignaturePredicate, map[string]any{}, img.index.String()))
		wantProblems(t, img.judge(t, rules, false, v1.Hash{}).Problems, "is not a full reference with a tag")
	}
}

// The case of a host has no meaning.
func TestRuleOfAHostInUpperCase(t *testing.T) {
	img := newJudged(t, "B.Example.com/x:1")
	img.attach(t, airgaptest.Attested(t, airgaptest.Key(t, bKey), proof.Signature, attach.SignaturePredicate, map[string]any{}, img.index.String()))
	rules := []policy.Rule{{Repositories: []string{"b.example.com/**"}, Signers: []policy.Signer{signer(t, "a", aKey)}},
		{Repositories: []string{"**"}, Signers: []policy.Signer{signer(t, "b", bKey)}}}
	wantProblems(t, img.judge(t, rules, false, v1.Hash{}).Problems, "it is not signed by a")
}

// The signature of one manifest proves nothing of the others that an index lists.
func TestPulledDigests(t *testing.T) {
	rules := []policy.Rule{{Repositories: []string{"**"}, Signers: []policy.Signer{signer(t, "a", aKey)}}}
	const refused = "it is not signed by a"
	for _, c := range []struct {
		name           string
		signed, pulled func(*judged) v1.Hash
		vouched        bool
		want           []string
	}{
		{"index by a manifest", manifestOf, indexOf, false, []string{refused}},
		{"index by a manifest, vouched", manifestOf, indexOf, true, nil},
		{"manifest by itself", manifestOf, manifestOf, false, nil},
		{"manifest by its index", indexOf, manifestOf, false, nil},
		{"index by itself", indexOf, indexOf, false, nil},
		{"another manifest", indexOf, func(j *judged) v1.Hash { return j.other }, false, []string{refused}},
		{"no pull", manifestOf, func(*judged) v1.Hash { return v1.Hash{} }, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			img := newJudged(t, "docker.io/acme/app:v1")
			img.attach(t, airgaptest.Attested(t, airgaptest.Key(t, aKey), proof.Signature, attach.SignaturePredicate, map[string]any{}, c.signed(img).String()))
			wantProblems(t, img.judge(t, rules, c.vouched, c.pulled(img)).Problems, c.want...)
		})
	}
}

func manifestOf(j *judged) v1.Hash { return j.Manifest }

func indexOf(j *judged) v1.Hash { return j.index }

func TestBases(t *testing.T) {
	const unknown = "which does not say its repository"
	for uri, want := range map[string]string{
		"pkg:oci/other@sha256%3Aab?repository_url=docker.io/ok/other": "",
		"pkg:docker/ok/other@1":                                               "",
		"pkg:docker/other@1?repository_url=docker.io/ok":                      "",
		"PKG:OCI/other?REPOSITORY_URL=docker.io/ok/other":                     "",
		"pkg:docker/ok/other@1?repository_url=evil.example.com":               "built on evil.example.com/ok/other",
		"pkg:docker/other@1":                                                  "built on docker.io/library/other",
		"pkg:oci/evil@sha256:ab":                                              unknown,
		"pkg:OCI/evil@sha256%3Aab":                                            unknown,
		"pkg:oci/evil?repository_url=https://docker.io/ok/other":              unknown,
		"pkg:oci/evil?repository_url=docker.io/ok/o&repository_url=evil.io/o": unknown,
		"pkg:docker/ok/other?x=%zz":                                           unknown,
	} {
		img := newJudged(t, "docker.io/acme/app:v1")
		key := airgaptest.Key(t, aKey)
		img.attach(t, airgaptest.Attested(t, key, proof.Signature, attach.SignaturePredicate, map[string]any{}, img.index.String()),
			airgaptest.Attested(t, key, proof.Provenance, statement.Provenance, provenance(uri, "pkg:oci/a?repository_url=docker.io/ok/a", "pkg:golang/x"), img.index.String()))
		for _, pattern := range []string{"docker.io/ok/*", "**"} {
			got := img.judge(t, []policy.Rule{{Repositories: []string{"**"}, Signers: []policy.Signer{signer(t, "a", aKey)}, Bases: []string{pattern}}}, false, v1.Hash{}).Problems
			switch {
			case want == "", pattern == "**" && want != unknown:
				wantProblems(t, got)
			default:
				t.Run(uri, func(t *testing.T) { wantProblems(t, got, want) })
			}
		}
	}
}

// Signatures are plain signatures, or statements of cosign's type. A verdict lists all that is signed, in order.
func TestSignatures(t *testing.T) {
	key := airgaptest.Key(t, aKey)
	img := newJudged(t, "docker.io/acme/app:v1")
	message := func(content []byte) []byte {
		bundle, err := sign.SignMessage(t.Context(), key, sign.Bytes(content))
		if err != nil {
			t.Fatal(err)
		}
		return bundle
	}
	simple := func(kind string) proof.Attachment {
		payload := fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":""},"image":{"docker-manifest-digest":%q},"type":%q},"optional":null}`, img.index, kind)
		b, err := sign.ParseBundle(message(payload))
		if err != nil {
			t.Fatal(err)
		}
		return proof.Attachment{Kind: proof.Signature, MediaType: sign.SimpleSigning, Content: payload,
			Annotations: map[string]string{sign.SimpleSignature: base64.StdEncoding.EncodeToString(b.Signature())}}
	}
	bundle := airgaptest.Attested(t, key, proof.Signature, attach.SignaturePredicate, map[string]any{}, img.index.String())
	older := bundle
	older.MediaType = "application/vnd.dev.sigstore.bundle+json;version=0.2"
	for _, c := range []struct {
		name string
		of   proof.Attachment
		want []string
	}{
		{"cosign's statement", bundle, nil},
		{"an older media type", older, nil},
		{"a message", proof.Attachment{Kind: proof.Signature, MediaType: sign.MediaType, Content: message(img.documents[img.index])}, nil},
		{"a simple signature", simple("cosign container image signature"), nil},
		{"a simple signature of another type", simple("a bill"), []string{"its payload is a \"a bill\"", "it is not signed by a"}},
		{"a failed verification", airgaptest.Attested(t, key, proof.Signature, statement.VerificationSummary,
			map[string]any{"verificationResult": "FAILED"}, img.index.String()), []string{"it is not signed by a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			img.Proof = nil
			img.attach(t, c.of)
			rules := []policy.Rule{{Repositories: []string{"**"}, Signers: []policy.Signer{signer(t, "a", aKey)}}}
			wantProblems(t, img.judge(t, rules, false, img.index).Problems, c.want...)
			digest, err := attach.Document{MediaType: c.of.MediaType, Annotations: c.of.Annotations, Content: c.of.Content}.Verify(
				t.Context(), policy.Keys(rules[0].Signers), attach.Subject{Digest: img.index})
			if signed := err == nil && digest.IsSignature(); signed != (c.want == nil) {
				t.Errorf("by its digest alone it is a signature: %t (%v)", signed, err)
			}
		})
	}
	both, err := statement.New(attach.SignaturePredicate, map[string]any{}, subjectOf(t, img.Manifest), subjectOf(t, img.index))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := both.Encode()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := sign.SignEnvelope(t.Context(), key, statement.MediaType, raw)
	if err != nil {
		t.Fatal(err)
	}
	img.Proof = nil
	img.attach(t, proof.Attachment{Kind: proof.Signature, MediaType: sign.MediaType, Content: signed})
	for range 20 {
		v := img.judge(t, []policy.Rule{{Repositories: []string{"**"}, Signers: []policy.Signer{signer(t, "a", aKey)}}}, false, v1.Hash{})
		if len(v.SignedBy) != 2 || v.SignedBy[0].Subject != img.index.String() || v.SignedBy[1].Subject != img.Manifest.String() {
			t.Fatalf("signed by %+v", v.SignedBy)
		}
	}
}

func subjectOf(t *testing.T, h v1.Hash) statement.Subject {
	t.Helper()
	s, err := statement.NewSubject("", h.String())
	if err != nil {
		t.Fatal(err)
	}
	return s
}
