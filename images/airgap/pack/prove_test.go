package pack_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/images/imagetest"
)

func proven(t *testing.T) []pack.Image {
	all := append(airgaptest.GzipImages(t), airgaptest.Indexed(t, "acme/app:v1", true))
	for i := range all {
		all[i].Proof = airgaptest.SBOM()
	}
	return all
}

// signTwice returns a signer with two keys.
func signTwice(t *testing.T) proof.Signer {
	first, second := proof.SignWith(airgaptest.Key(t, 1)), proof.SignWith(airgaptest.Key(t, 2))
	return func(ctx context.Context, statement []byte) ([][]byte, error) {
		a, err := first(ctx, statement)
		if err != nil {
			return nil, err
		}
		b, err := second(ctx, statement)
		return append(a, b...), err
	}
}

// The proof comes after everything that nodes read: the archive begins with the same bytes as one without a proof.
func TestProofComesLast(t *testing.T) {
	content, all := airgaptest.NewStore(t), proven(t)
	without := airgaptest.Pack(t, content, all, pack.Options{})
	with := airgaptest.Pack(t, content, all, pack.Options{Proof: &pack.Proof{Sign: signTwice(t)}})
	for codec, path := range with {
		a, b := read(t, without[codec]), read(t, path)
		names, _, _ := airgaptest.Untar(t, path, codec)
		first := slices.IndexFunc(names, proof.In)
		if first < 0 || slices.ContainsFunc(names[first:], func(n string) bool { return !proof.In(n) }) {
			t.Errorf("%s: the files of the proof are not the last ones: %v", codec, names)
		}
		idx, err := format.ReadIndex(bytes.NewReader(a), int64(len(a)), codec)
		end := len(a) - format.TarEnd
		if codec != format.Tar {
			if err != nil {
				t.Fatal(err)
			}
			end = int(idx.Frames[len(idx.Frames)-1].Offset) // the end of the tar
		}
		if !bytes.Equal(a[:end], b[:end]) {
			t.Errorf("%s: the proof changes the bytes before it", codec)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The statement is the same for all codecs and runs. It describes the archive and the registry of its images.
func TestContentStatement(t *testing.T) {
	for _, layers := range []images.ArchiveLayers{images.UncompressedLayers, images.OriginalLayers} {
		var statements [][]byte
		for range 2 {
			all := proven(t)
			paths := airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{Layers: layers,
				Proof: &pack.Proof{Sign: signTwice(t), Release: &proof.Origin{Name: "acme", Version: "v1.0.0", Commit: strings.Repeat("ab", 20)}}})
			for _, path := range paths {
				p := readProof(t, path)
				statements = append(statements, p.Statement)
				if len(p.Signatures) != 2 {
					t.Errorf("it has %d signatures", len(p.Signatures))
				}
				checkContent(t, path, p.Content, all)
				r, err := verify.Archive(t.Context(), path, verify.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Problems) > 0 {
					t.Errorf("%s: %q %q", path, r.Problems, r.Notes)
				}
			}
		}
		for _, s := range statements[1:] {
			if !bytes.Equal(s, statements[0]) {
				t.Errorf("two statements of %s layers:\n%s\n%s", layers, s, statements[0])
			}
		}
	}
}

func sum(b []byte) []byte { s := sha256.Sum256(b); return s[:] }

func readProof(t *testing.T, path string) *proof.Proof {
	t.Helper()
	a, err := airgap.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	p, err := proof.Read(t.Context(), a.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func checkContent(t *testing.T, path string, c proof.Content, all []pack.Image) {
	t.Helper()
	codec, _ := format.CodecOf(path)
	names, content, _ := airgaptest.Untar(t, path, codec)
	var listed []string
	for _, f := range c.Files {
		listed = append(listed, f.Name)
		if got, want := hex.EncodeToString(sum(content[f.Name])), f.Digest.Hex; got != want || int64(len(content[f.Name])) != f.Size {
			t.Errorf("%s: %s, want %s", f.Name, got, want)
		}
	}
	files := slices.DeleteFunc(names, func(n string) bool {
		return strings.HasSuffix(n, "/") || n == proof.StatementFile || proof.IsSignatureFile(n)
	})
	if !slices.Equal(files, listed) {
		t.Errorf("the statement lists %v, want %v", listed, files)
	}
	if len(c.Images) != len(all) {
		t.Fatalf("%d images, want %d", len(c.Images), len(all))
	}
	for _, img := range all {
		digest, err := img.Image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(c.Images, func(d proof.ImageContent) bool { return d.Registry.Manifest == digest })
		if i < 0 {
			t.Errorf("the statement does not state the registry's digest of %s", img.Names[0])
			continue
		}
		has := func(h v1.Hash) bool {
			raw, ok := content[proof.ItemFile(h)]
			if !ok {
				raw = content[format.BlobName(h)]
			}
			return hex.EncodeToString(sum(raw)) == h.Hex
		}
		for _, h := range append(slices.Clone(c.Images[i].Registry.Indexes), digest) {
			if !has(h) {
				t.Errorf("the archive has no %s of %s", h, img.Names[0])
			}
		}
		if img.Index != nil && len(c.Images[i].Registry.Indexes) != 2 {
			t.Errorf("the indexes of %s are %v", img.Names[0], c.Images[i].Registry.Indexes)
		}
		if !slices.ContainsFunc(c.Images[i].Proof, func(i proof.Item) bool { return i.Kind == proof.SBOM }) {
			t.Errorf("%s has no SBOM", img.Names[0])
		}
	}
}

// Pack refuses what verify would refuse, before it writes anything.
func TestPackObeysPolicy(t *testing.T) {
	upstream := policy.Signer{Name: "upstream", Keys: sign.Verifiers(airgaptest.Key(t, 2).PublicKey())}
	p := &policy.Policy{Images: []policy.Rule{{Repositories: []string{"docker.io/acme/*"}, Signers: []policy.Signer{upstream}}}}
	img, unknown, own := airgaptest.Indexed(t, "acme/app:v1", false), airgaptest.Simple(t, "quay.io/a/b:v1", "linux/amd64"), airgaptest.Simple(t, "acme/own:v1", "linux/amd64")
	img.Names, own.Own = img.Names[:1], true
	var signer proof.Signer
	write := func(all ...pack.Image) error {
		path := filepath.Join(t.TempDir(), "a.tar")
		_, err := pack.Write(t.Context(), airgaptest.NewStore(t), all, []pack.Output{{Path: path}}, pack.Options{Proof: &pack.Proof{Policy: p, Sign: signer}})
		if _, missing := os.Stat(path); (missing == nil) != (err == nil) {
			t.Errorf("the error %v, and the archive: %v", err, missing)
		}
		return err
	}
	const unsigned = ": nobody whom the policy trusts has signed it, or the archive"
	want := "the policy refuses the archive:\nimage acme/app:v1: it is not signed by upstream" +
		"\nimage quay.io/a/b:v1: the policy has no rule for repository quay.io/a/b\nimage quay.io/a/b:v1" + unsigned
	if err := write(own, img, unknown); err == nil || err.Error() != want {
		t.Errorf("Write: %v, want %s", err, want)
	}
	img.Proof = []proof.Attachment{airgaptest.Attested(t, airgaptest.Key(t, 3), proof.Signature, "https://sigstore.dev/cosign/sign/v1", map[string]any{}, airgaptest.Registry(t, img))}
	if err := write(own, img); err == nil {
		t.Error("the signature of somebody else was accepted")
	}
	img.Proof = append(img.Proof, airgaptest.Attested(t, airgaptest.Key(t, 2), proof.Signature, "https://sigstore.dev/cosign/sign/v1", map[string]any{}, airgaptest.Registry(t, img)))
	if err := write(own, img); err != nil {
		t.Error(err)
	}
	// Only a signer of the archive whom the policy names vouches for an SBOM.
	p.Archive.Signers = []policy.Signer{{Name: "release", Keys: sign.Verifiers(airgaptest.Key(t, 1).PublicKey())}}
	p.Images[0].Predicates = []string{statement.SPDX}
	img.Proof = append(img.Proof, airgaptest.SBOM()...)
	for _, c := range []struct {
		sign proof.Signer
		want string
	}{
		{nil, "its content statement is not signed\nimage acme/app:v1: it has no trusted statement of type " + statement.SPDX},
		{proof.SignWith(airgaptest.Key(t, 3)), "proof/content.sigstore.json: "},
		{proof.SignWith(airgaptest.Key(t, 1)), ""},
	} {
		signer = c.sign
		if err := write(own, img); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("Write: %v, want %q", err, c.want)
		}
	}
}

// Names of one manifest may come from several indexes, or from none. Whether the archive obeys a policy does not depend
// on their order.
func TestSignaturesOfImagesWithOneManifest(t *testing.T) {
	upstream := policy.Signer{Name: "upstream", Keys: sign.Verifiers(airgaptest.Key(t, 2).PublicKey())}
	p := &policy.Policy{Images: []policy.Rule{{Repositories: []string{"docker.io/acme/*"}, Signers: []policy.Signer{upstream}}}}
	signed := func(img pack.Image, called string) pack.Image {
		img.Names = []name.Reference{airgaptest.Ref(t, called)}
		img.Proof = []proof.Attachment{airgaptest.Attested(t, airgaptest.Key(t, 2), proof.Signature, "https://sigstore.dev/cosign/sign/v1", map[string]any{}, airgaptest.Registry(t, img))}
		return img
	}
	indexed := airgaptest.Indexed(t, "acme/app:v1", false)
	first := signed(indexed, "acme/app:v1")
	indexed.Index = imagetest.Index(t, indexed.Image)
	second := signed(indexed, "acme/mirrored:v1")
	alone := pack.Image{Names: []name.Reference{airgaptest.Ref(t, "acme/app:v1-linux-amd64")}, Image: indexed.Image}
	again := alone
	again.Names = first.Names
	unsigned := second
	unsigned.Proof = nil
	for _, layers := range []images.ArchiveLayers{images.UncompressedLayers, images.OriginalLayers} {
		for _, c := range []struct {
			all     []pack.Image
			origins int
			refused bool
		}{
			{[]pack.Image{first, alone}, 1, false},
			{[]pack.Image{first, second}, 2, false},
			{[]pack.Image{first, again}, 1, false},
			{[]pack.Image{first, unsigned}, 2, true},
			{[]pack.Image{first, second, alone}, 2, false},
		} {
			for range 2 {
				slices.Reverse(c.all)
				path := airgaptest.Pack(t, airgaptest.NewStore(t), c.all, pack.Options{Layers: layers, Proof: &pack.Proof{}})[format.Tar]
				r, err := verify.Archive(t.Context(), path, verify.Options{Policy: p})
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Problems) > 0 != c.refused {
					t.Errorf("%s layers, first %s: %q", layers, c.all[0].Names[0], r.Problems)
				}
				if n := len(readProof(t, path).Content.Images); n != c.origins {
					t.Errorf("%s layers, first %s: the statement describes %d images, want %d", layers, c.all[0].Names[0], n, c.origins)
				}
			}
		}
	}
}

// A document that no reader would accept is not packed.
func TestLargeItemsAreRefused(t *testing.T) {
	img := airgaptest.Simple(t, "acme/a:v1", "linux/amd64")
	img.Proof = []proof.Attachment{{Kind: proof.SBOM, Content: make([]byte, proof.MaxItem+1)}}
	_, err := pack.Write(t.Context(), airgaptest.NewStore(t), []pack.Image{img}, []pack.Output{{Path: filepath.Join(t.TempDir(), "a.tar")}}, pack.Options{Proof: &pack.Proof{}})
	if err == nil || !strings.Contains(err.Error(), "image acme/a:v1: the sbom has 67108865 bytes; an archive carries at most") {
		t.Errorf("Write: %v", err)
	}
}
