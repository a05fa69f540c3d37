package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
)

const (
	releaseKey, upstreamKey, otherKey = 1, 2, 3

	cosignSignature = "https://sigstore.dev/cosign/sign/v1"
)

func signer(t testing.TB, name string, seed byte) policy.Signer {
	return policy.Signer{Name: name, Keys: sign.Verifiers(airgaptest.Key(t, seed).PublicKey())}
}

// provenance is a SLSA provenance.
func provenance(commit string, bases ...string) map[string]any {
	dependencies := []any{map[string]any{"uri": "git+https://example.com/app@" + commit, "digest": map[string]any{"gitCommit": commit}}}
	for _, b := range bases {
		dependencies = append(dependencies, map[string]any{"uri": "pkg:oci/base@sha256%3Aab?repository_url=" + b, "digest": map[string]any{"sha256": strings.Repeat("ab", 32)}})
	}
	return map[string]any{"buildDefinition": map[string]any{"buildType": "https://example.com/t", "resolvedDependencies": dependencies}}
}

var commit = strings.Repeat("c0", 20)

// signedImages are an image of the release, and one that its registry has with a signature and a provenance.
func signedImages(t testing.TB) []pack.Image {
	own, upstream := airgaptest.Simple(t, "acme/runtime:v1", "linux/amd64"), airgaptest.Indexed(t, "registry.example.com/app:v1", true)
	own.Own, upstream.Names = true, upstream.Names[:1]
	key, digest := airgaptest.Key(t, upstreamKey), airgaptest.Registry(t, upstream)
	upstream.Proof = []proof.Attachment{
		airgaptest.Attested(t, key, proof.Signature, cosignSignature, map[string]any{}, digest),
		airgaptest.Attested(t, key, proof.Provenance, statement.Provenance, provenance(commit, "gcr.io/distroless/static"), digest),
		{Kind: proof.SBOM, MediaType: "application/spdx+json", Content: []byte(`{"spdxVersion":"SPDX-2.3"}`)},
	}
	return []pack.Image{own, upstream}
}

func signedProof(t testing.TB, seed byte) *pack.Proof {
	return &pack.Proof{Release: &proof.Origin{Name: "acme", Version: "v1.2.0", Commit: strings.Repeat("ab", 20)}, Sign: proof.SignWith(airgaptest.Key(t, seed))}
}

func TestVerifyProof(t *testing.T) {
	release, upstream, other := signer(t, "release", releaseKey), signer(t, "upstream", upstreamKey), signer(t, "other", otherKey)
	rules := func(change func(own, app *policy.Rule)) *policy.Policy {
		p := policy.Vouched(release)
		p.Images = []policy.Rule{{Repositories: []string{"docker.io/acme/*"}}, {Repositories: []string{"registry.example.com/**"}, Signers: []policy.Signer{upstream}}}
		if change != nil {
			change(&p.Images[0], &p.Images[1])
		}
		return p
	}
	for _, c := range []struct {
		name   string
		policy *policy.Policy
		want   []string
	}{
		{"the key of the release", policy.Vouched(release), nil},
		{"one of two keys", policy.Vouched(other, release), nil},
		{"another key", policy.Vouched(other), []string{"proof/content.sigstore.json: the signature does not match",
			"nobody whom the policy trusts has signed it", "nobody whom the policy trusts has signed it"}},
		{"the key of an image alone", policy.Vouched(upstream), []string{"proof/content.sigstore.json: the signature does not match", "nobody", "nobody"}},
		{"rules", rules(nil), nil},
		{"images that vouch for themselves", &policy.Policy{Images: []policy.Rule{{Repositories: []string{"registry.example.com/*"}, Signers: []policy.Signer{upstream}}}},
			[]string{"image docker.io/acme/runtime:v1: the policy has no rule for repository docker.io/acme/runtime", "nobody"}},
		{"an image that its registry did not sign", rules(func(own, _ *policy.Rule) { own.Signers = []policy.Signer{upstream} }),
			[]string{"image docker.io/acme/runtime:v1: it is not signed by upstream"}},
		{"an image that another one signed", rules(func(_, app *policy.Rule) { app.Signers = []policy.Signer{other} }),
			[]string{"image registry.example.com/app:v1: it is not signed by other"}},
		{"predicates", rules(func(_, app *policy.Rule) { app.Predicates = []string{statement.Provenance, statement.SPDX} }), nil},
		{"a missing predicate", rules(func(own, app *policy.Rule) {
			own.Predicates, app.Predicates = []string{statement.SPDX}, []string{statement.OpenVEX}
		}),
			[]string{"image docker.io/acme/runtime:v1: it has no trusted statement of type https://spdx.dev", "app:v1: it has no trusted statement of type https://openvex"}},
		{"bases", rules(func(_, app *policy.Rule) { app.Bases = []string{"gcr.io/distroless/*"} }), nil},
		{"another base", rules(func(own, app *policy.Rule) { own.Bases, app.Bases = []string{"a/b"}, []string{"docker.io/library/*"} }),
			[]string{"acme/runtime:v1: no trusted provenance states its base", "app:v1: it is built on gcr.io/distroless/static"}},
		{"a release", &policy.Policy{Archive: policy.Archive{Signers: []policy.Signer{release}, Release: "acme", Minimum: "v1.2.0"}}, nil},
		{"another release", &policy.Policy{Archive: policy.Archive{Signers: []policy.Signer{release}, Release: "other"}}, []string{`it is of release "acme"`}},
		{"an old release", &policy.Policy{Archive: policy.Archive{Signers: []policy.Signer{release}, Release: "acme", Minimum: "v1.10.0"}},
			[]string{"its version v1.2.0 is older than the minimum version v1.10.0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, layers := range []images.ArchiveLayers{images.UncompressedLayers, images.OriginalLayers} {
				for _, path := range airgaptest.Pack(t, airgaptest.NewStore(t), signedImages(t), pack.Options{Layers: layers, Proof: signedProof(t, releaseKey), Level: "fastest"}) {
					r := mustVerify(t, path, Options{Policy: c.policy})
					compareParts(t, "problems", c.want, r.Problems)
					compareParts(t, "notes", nil, r.Notes)
				}
			}
		})
	}
}

// Signatures that cosign attaches under tags count as those in bundles do.
func TestOlderSignatures(t *testing.T) {
	key := airgaptest.Key(t, upstreamKey)
	img := airgaptest.Indexed(t, "registry.example.com/app:v1", false)
	img.Names = img.Names[:1]
	digest := airgaptest.Registry(t, img)
	message := func(digest, kind string) proof.Attachment {
		raw := fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":""},"image":{"docker-manifest-digest":%q},"type":%q},"optional":null}`, digest, kind)
		var bundle struct {
			MessageSignature struct{ Signature string }
		}
		made, err := sign.SignMessage(t.Context(), key, sign.Bytes(raw))
		if err == nil {
			err = json.Unmarshal(made, &bundle)
		}
		if err != nil {
			t.Fatal(err)
		}
		return proof.Attachment{Kind: proof.Signature, MediaType: sign.SimpleSigning, Content: raw, Annotations: map[string]string{sign.SimpleSignature: bundle.MessageSignature.Signature}}
	}
	envelope := func(digest string) proof.Attachment {
		var bundle struct{ DsseEnvelope json.RawMessage }
		if err := json.Unmarshal(airgaptest.Attested(t, key, proof.Signature, cosignSignature, map[string]any{}, digest).Content, &bundle); err != nil {
			t.Fatal(err)
		}
		return proof.Attachment{Kind: proof.Signature, MediaType: sign.DSSEEnvelope, Content: bundle.DsseEnvelope}
	}
	cosign, other := "cosign container image signature", "sha256:"+strings.Repeat("0", 64)
	unsigned := message(digest, cosign)
	unsigned.Annotations = map[string]string{sign.SimpleSignature: "AAAA"}
	for _, c := range []struct {
		name string
		of   proof.Attachment
		want []string
	}{
		{"a message", message(digest, cosign), nil},
		{"an envelope", envelope(digest), nil},
		{"a message about another image", message(other, cosign), []string{"its payload is of \"sha256:0000", "it is not signed by upstream"}},
		{"a message of another type", message(digest, "a bill"), []string{"its payload is a \"a bill\"", "it is not signed by upstream"}},
		{"an envelope about another image", envelope(other), []string{"its statement is not about sha256:", "it is not signed by upstream"}},
		{"another signature", unsigned, []string{"it is not signed by upstream"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			img.Proof = []proof.Attachment{c.of}
			path := airgaptest.Pack(t, airgaptest.NewStore(t), []pack.Image{img}, pack.Options{Proof: signedProof(t, releaseKey), Level: "fastest"})[format.Tar]
			p := policy.Vouched(signer(t, "release", releaseKey))
			p.Images = []policy.Rule{{Repositories: []string{"registry.example.com/*"}, Signers: []policy.Signer{signer(t, "upstream", upstreamKey)}}}
			compareParts(t, "problems", c.want, mustVerify(t, path, Options{Policy: p}).Problems)
		})
	}
}

// The verdict says who signed what, and from which commit it came.
func TestVerdict(t *testing.T) {
	path := airgaptest.Pack(t, airgaptest.NewStore(t), signedImages(t), pack.Options{Proof: signedProof(t, releaseKey)})[format.Tar]
	p := policy.Vouched(signer(t, "release", releaseKey))
	p.Images = []policy.Rule{{Repositories: []string{"*/**"}, Signers: nil}, {}}
	p.Images[0] = policy.Rule{Repositories: []string{"registry.example.com/app"}, Signers: []policy.Signer{signer(t, "upstream", upstreamKey)}}
	p.Images[1] = policy.Rule{Repositories: []string{"docker.io/acme/*"}}
	v := mustVerify(t, path, Options{Policy: p}).Proof
	if len(v.SignedBy) != 1 || v.SignedBy[0].Signer != "release" || v.Release.Version != "v1.2.0" {
		t.Errorf("signed by %+v of %+v", v.SignedBy, v.Release)
	}
	own, app := v.Images[0], v.Images[1]
	if own.Image != "docker.io/acme/runtime:v1" || own.Commit != strings.Repeat("ab", 20) || len(own.SignedBy) != 0 {
		t.Errorf("own image %+v", own)
	}
	if app.Commit != commit || app.Source != "git+https://example.com/app@"+commit || len(app.SignedBy) != 2 || app.SignedBy[0].Signer != "upstream" ||
		app.SignedBy[0].Predicate != cosignSignature || app.SignedBy[0].Subject != airgaptest.Registry(t, signedImages(t)[1]) {
		t.Errorf("image of others %+v", app)
	}
}

// A proof is compared with the content even if nobody's key is known.
func TestVerifyWithoutKey(t *testing.T) {
	path := airgaptest.Pack(t, airgaptest.NewStore(t), signedImages(t), pack.Options{Proof: &pack.Proof{}})[format.Tar]
	r := mustVerify(t, path, Options{})
	compareParts(t, "problems", nil, r.Problems)
	compareParts(t, "notes", []string{"nobody's signature was checked"}, r.Notes)
	w := airgaptest.OpenWorkshop(t, path)
	w.Set("evil", []byte("x"))
	if err := os.WriteFile(path, w.Tar(), 0o644); err != nil {
		t.Fatal(err)
	}
	compareParts(t, "problems", []string{"file evil was added"}, mustVerify(t, path, Options{}).Problems)
	unsigned := mustVerify(t, path, Options{Policy: policy.Vouched(signer(t, "release", releaseKey))})
	compareParts(t, "problems", []string{"file evil was added", "its content statement is not signed", "nobody", "nobody"}, unsigned.Problems)
	plain := airgaptest.Pack(t, airgaptest.NewStore(t), signedImages(t), pack.Options{})[format.Tar]
	compareParts(t, "problems", []string{"it has no proof"}, mustVerify(t, plain, Options{Policy: policy.Vouched(signer(t, "release", releaseKey))}).Problems)
}

// Whoever decompresses an archive, splits it, or writes its files in another order has the same proof.
func TestProofSurvivesOtherForms(t *testing.T) {
	o := Options{Policy: policy.Vouched(signer(t, "release", releaseKey))}
	opts := pack.Options{Proof: signedProof(t, releaseKey)}
	path := airgaptest.Pack(t, airgaptest.NewStore(t), signedImages(t), opts)[format.Zstd]
	foreign := mustVerify(t, airgaptest.Foreign(t, path, format.Zstd), o)
	compareParts(t, "problems", nil, foreign.Problems)
	split := filepath.Join(t.TempDir(), "split.tar.zst")
	if _, err := pack.Write(t.Context(), airgaptest.NewStore(t), signedImages(t), []pack.Output{{Path: split, Split: 2000}}, opts); err != nil {
		t.Fatal(err)
	}
	compareParts(t, "problems", nil, mustVerify(t, split, o).Problems)
	compareParts(t, "problems", nil, mustVerify(t, split+".part002", o).Problems)
	again := airgaptest.Pack(t, airgaptest.NewStore(t), signedImages(t), opts)[format.Zstd]
	if a, b := readFile(t, path), readFile(t, again); !bytes.Equal(a, b) {
		t.Error("two archives of the same images and key differ")
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// SBOMs are not kept in memory: an archive may have more of them than there is.
func TestSBOMsAreNotKept(t *testing.T) {
	all := signedImages(t)
	all[0].Proof = airgaptest.SBOM()
	path := airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{Proof: signedProof(t, releaseKey)})[format.Tar]
	c := contentsOf(t, readFile(t, path))
	i := slices.IndexFunc(c.files, func(f *content) bool { return f.Name == proof.ItemFile(airgaptest.SBOM()[0].Digest()) })
	if i < 0 || c.files[i].json != nil {
		t.Errorf("the SBOM is file %d, and is kept", i)
	}
}
