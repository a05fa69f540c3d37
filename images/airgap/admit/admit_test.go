package admit

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
)

const releaseKey, upstreamKey = 1, 2

func signer(t testing.TB, name string, seed byte) policy.Signer {
	return policy.Signer{Name: name, Keys: sign.Verifiers(airgaptest.Key(t, seed).PublicKey())}
}

// archive packs an image with an index and one without.
func archive(t testing.TB, dir string, key byte) (path string, index, plain v1.Hash) {
	t.Helper()
	app, small := airgaptest.Indexed(t, "docker.io/acme/app:v1", false), airgaptest.Simple(t, "busybox:1.36", "linux/amd64")
	app.Names = app.Names[:1]
	digest := airgaptest.Registry(t, app)
	app.Proof = []proof.Attachment{airgaptest.Attested(t, airgaptest.Key(t, upstreamKey), proof.Signature, "https://sigstore.dev/cosign/sign/v1", map[string]any{}, digest)}
	path = filepath.Join(dir, "images.tar.zst")
	_, err := pack.Write(t.Context(), airgaptest.NewStore(t), []pack.Image{app, small}, []pack.Output{{Path: path}},
		pack.Options{Layers: "original", Proof: &pack.Proof{Sign: proof.SignWith(airgaptest.Key(t, key))}})
	if err != nil {
		t.Fatal(err)
	}
	hash := func(s string) v1.Hash {
		h, err := v1.NewHash(s)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	return path, hash(digest), hash(airgaptest.Registry(t, small))
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	path, index, plain := archive(t, dir, releaseKey)
	// Archives without a proof, and of other programs, are beside it.
	airgaptest.PackOne(t, airgaptest.NewStore(t), filepath.Join(dir, "a.tar.zst"), airgaptest.Simple(t, "acme/app:v1", "linux/amd64"))
	if err := os.Rename(airgaptest.Foreign(t, path, format.Zstd), filepath.Join(dir, "foreign.tar.zst")); err != nil {
		t.Fatal(err)
	}
	trusted := policy.Vouched(signer(t, "release", releaseKey))
	strict := policy.Vouched(signer(t, "release", releaseKey))
	strict.Images = []policy.Rule{{Repositories: []string{"docker.io/acme/*"}, Signers: []policy.Signer{signer(t, "upstream", upstreamKey)}}}
	identity := policy.Vouched(policy.Signer{Name: "ci", Keys: []sign.Verifier{struct{ sign.Verifier }{}}})
	for _, c := range []struct {
		name   string
		ref    string
		digest v1.Hash
		policy *policy.Policy
		want   string // of the error; else it is admitted
	}{
		{"the index of an image", "acme/app:v1", index, trusted, ""},
		{"an image without an index", "busybox:1.36", plain, trusted, ""},
		{"by digest", "acme/app@" + index.String(), index, trusted, ""},
		{"from a mirror", "mirror.example.com/acme/app:v1", index, trusted, ""},
		{"from a folder of a mirror", "mirror.example.com/hub/acme/app:v1", index, trusted, ""},
		{"of Docker Hub's library in a mirror", "mirror.example.com/hub/busybox:1.36", plain, trusted, ""},
		{"a policy with identities only", "acme/app:v1", index, identity, "only identities may have signed the archive"},
		{"another digest", "acme/app:v1", v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}, trusted, "no archive in"},
		{"the digest of another name", "acme/other:v1", index, trusted, "no archive in"},
		{"the digest of another tag", "acme/app:v2", index, trusted, "no archive in"},
		{"the end of a name", "mirror.example.com/evilacme/app:v1", index, trusted, "no archive in"},
		{"another key", "acme/app:v1", index, policy.Vouched(signer(t, "other", 3)), "the signature does not match"},
		{"signed in its registry", "acme/app:v1", index, strict, ""},
		{"without a rule", "busybox:1.36", plain, strict, "the policy has no rule for repository docker.io/library/busybox"},
	} {
		t.Run(c.name, func(t *testing.T) {
			reason, err := Check(t.Context(), Pull{airgaptest.Ref(t, c.ref), c.digest}, c.policy, []string{dir})
			switch {
			case c.want == "" && (err != nil || !strings.Contains(reason, "signed by release")):
				t.Errorf("refused: %v (%q)", err, reason)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%q, error %v; want %q", reason, err, c.want)
			}
		})
	}
}

// A pull waits for the answer. It does not read layers: an archive is as fast as its proof.
func TestCheckReadsNoLayers(t *testing.T) {
	path, index, _ := archive(t, t.TempDir(), releaseKey)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	idx, err := format.ReadIndex(strings.NewReader(string(raw)), int64(len(raw)), format.Zstd)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range idx.Frames[2 : len(idx.Frames)-2] { // between the manifests and the proof
		clear(raw[f.Offset : f.Offset+f.Size])
	}
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(t.Context(), Pull{airgaptest.Ref(t, "acme/app:v1"), index}, policy.Vouched(signer(t, "release", releaseKey)), []string{path}); err != nil {
		t.Error(err)
	}
}

func BenchmarkCheck(b *testing.B) {
	path, index, _ := archive(b, b.TempDir(), releaseKey)
	trusted := policy.Vouched(signer(b, "release", releaseKey))
	pull := Pull{airgaptest.Ref(b, "acme/app:v1"), index}
	for b.Loop() {
		if _, err := Check(b.Context(), pull, trusted, []string{path}); err != nil {
			b.Fatal(err)
		}
	}
}

// Nobody vouches for the archive, and the index is not signed, though one of its manifests is: the other one may be evil.
func TestCheckOfAnUnsignedIndex(t *testing.T) {
	app := airgaptest.Indexed(t, "docker.io/acme/app:v1", false)
	app.Names = app.Names[:1]
	manifest, err := app.Image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	index, err := app.Index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	app.Proof = []proof.Attachment{airgaptest.Attested(t, airgaptest.Key(t, upstreamKey), proof.Signature, "https://sigstore.dev/cosign/sign/v1", map[string]any{}, manifest.String())}
	path := filepath.Join(t.TempDir(), "images.tar.zst")
	if _, err := pack.Write(t.Context(), airgaptest.NewStore(t), []pack.Image{app}, []pack.Output{{Path: path}}, pack.Options{Layers: "original", Proof: &pack.Proof{}}); err != nil {
		t.Fatal(err)
	}
	p := &policy.Policy{Images: []policy.Rule{{Repositories: []string{"**"}, Signers: []policy.Signer{signer(t, "upstream", upstreamKey)}}}}
	if _, err := Check(t.Context(), Pull{airgaptest.Ref(t, "acme/app:v1"), manifest}, p, []string{path}); err != nil {
		t.Errorf("the signed manifest is refused: %v", err)
	}
	if reason, err := Check(t.Context(), Pull{airgaptest.Ref(t, "acme/app:v1"), index}, p, []string{path}); err == nil || !strings.Contains(err.Error(), "not signed by upstream") {
		t.Errorf("the index is admitted: %s (%v)", reason, err)
	}
}

// An index that is pulled may be that of several images of the archive. All of them must be good.
func TestCheckOfAllImagesOfAnIndex(t *testing.T) {
	app := airgaptest.Indexed(t, "docker.io/acme/app:v1", false)
	app.Names = app.Names[:1]
	list, err := app.Index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	arm := app
	arm.Names = []name.Reference{airgaptest.Ref(t, "mirror.example.com/acme/app:v1")}
	at := slices.IndexFunc(list.Manifests, func(d v1.Descriptor) bool { return d.Platform != nil && d.Platform.Architecture == "arm64" })
	if arm.Image, err = app.Index.Image(list.Manifests[at].Digest); err != nil {
		t.Fatal(err)
	}
	index, err := app.Index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "images.tar.zst")
	if _, err := pack.Write(t.Context(), airgaptest.NewStore(t), []pack.Image{app, arm}, []pack.Output{{Path: path}},
		pack.Options{Layers: "original", Proof: &pack.Proof{Sign: proof.SignWith(airgaptest.Key(t, releaseKey))}}); err != nil {
		t.Fatal(err)
	}
	p := policy.Vouched(signer(t, "release", releaseKey))
	p.Images = []policy.Rule{{Repositories: []string{"docker.io/**"}}, {Repositories: []string{"**"}}}
	pull := Pull{arm.Names[0], index}
	if _, err := Check(t.Context(), pull, p, []string{path}); err != nil {
		t.Errorf("refused: %v", err)
	}
	p.Images[1].Signers = []policy.Signer{signer(t, "upstream", upstreamKey)}
	if reason, err := Check(t.Context(), pull, p, []string{path}); err == nil || !strings.Contains(err.Error(), "not signed by upstream") {
		t.Errorf("admitted: %s (%v)", reason, err)
	}
}
