package proof_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
)

const first, second = "proof/content.sigstore.json", "proof/content.2.sigstore.json"

// signedBy returns a Signer that signs with several keys.
func signedBy(t *testing.T, seeds ...byte) proof.Signer {
	return func(ctx context.Context, content []byte) (bundles [][]byte, err error) {
		for _, seed := range seeds {
			b, err := sign.SignEnvelope(ctx, airgaptest.Key(t, seed), statement.MediaType, content)
			if err != nil {
				return nil, err
			}
			bundles = append(bundles, b)
		}
		return bundles, nil
	}
}

func members(t *testing.T, signer proof.Signer) ([]proof.Member, error) {
	content := proof.Content{Images: []proof.ImageContent{newJudged(t, "docker.io/acme/app:v1").ImageContent}}
	all, _, err := proof.NewMaker().Make(t.Context(), content, signer)
	return all, err
}

// proofOf returns the files of the proof of an archive with one image.
func proofOf(t *testing.T, seeds ...byte) map[string][]byte {
	t.Helper()
	members, err := members(t, signedBy(t, seeds...))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, m := range members {
		files[m.Name] = m.Content
	}
	return files
}

func read(t *testing.T, files map[string][]byte) (*proof.Proof, error) {
	return proof.Read(t.Context(), func(_ context.Context, name string, limit int64) ([]byte, error) {
		raw, ok := files[name]
		switch {
		case !ok:
			return nil, fs.ErrNotExist
		case int64(len(raw)) > limit:
			return nil, fmt.Errorf("file %s has more than %d bytes", name, limit)
		}
		return raw, nil
	})
}

// changed returns a bundle after a change of its JSON.
func changed(t *testing.T, raw []byte, change func(bundle, envelope map[string]any)) []byte {
	t.Helper()
	var bundle map[string]any
	if err := json.Unmarshal(raw, &bundle); err != nil {
		t.Fatal(err)
	}
	change(bundle, bundle["dsseEnvelope"].(map[string]any))
	out, err := json.Marshal(bundle)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// No statement lists the signatures of an archive, so that a file with the name of one could have any content.
func TestReadRefusesOtherFilesThanSignatures(t *testing.T) {
	bundle := func(payloadType string, content []byte) []byte {
		b, err := sign.SignEnvelope(t.Context(), airgaptest.Key(t, bKey), payloadType, content)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := proofOf(t, aKey)
	content := good[proof.StatementFile]
	message, err := sign.SignMessage(t.Context(), airgaptest.Key(t, aKey), sign.Bytes(content))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		content    []byte
	}{
		{"a bundle of another key", "", bundle(statement.MediaType, content)},
		{"not a bundle", "invalid bundle", []byte("evil")},
		{"another statement", "it signs other content", bundle(statement.MediaType, append(bytes.Clone(content), ' '))},
		{"another type", `it signs a "text/plain"`, bundle("text/plain", content)},
		{"a message", "want an envelope", message},
		{"white space", "something that is not signed", append(bytes.Clone(good[first]), '\n')},
		{"a key ID", "something that is not signed", changed(t, good[first], func(_, envelope map[string]any) {
			envelope["signatures"].([]any)[0].(map[string]any)["keyid"] = "evil"
		})},
		{"a large file", "has more than", bytes.Repeat([]byte(" "), len(content)*2+32<<10)},
	} {
		t.Run(c.name, func(t *testing.T) {
			good[second] = c.content
			p, err := read(t, good)
			switch {
			case c.want == "" && (err != nil || len(p.Signatures) != 2):
				t.Errorf("error %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), second)):
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestNumberOfSignatures(t *testing.T) {
	seeds := bytes.Repeat([]byte{aKey}, 16)
	files := proofOf(t, seeds...)
	p, err := read(t, files)
	if err != nil || len(p.Signatures) != 16 {
		t.Fatalf("reading 16 signatures: %v", err)
	}
	if all, err := p.Bundles(); err != nil || len(all) != 16 || !bytes.Equal(all[0], files[first]) || !bytes.Equal(all[1], files[second]) {
		t.Errorf("the bundles are not those of the files: %v", err)
	}
	const want = "may have at most 16"
	files["proof/content.17.sigstore.json"] = files[first]
	if _, err := read(t, files); err == nil || !strings.Contains(err.Error(), "content.17.sigstore.json: an archive "+want) {
		t.Errorf("reading 17 signatures: %v", err)
	}
	if _, err := members(t, signedBy(t, append(seeds, aKey)...)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("making 17 signatures: %v", err)
	}
	evil := func(context.Context, []byte) ([][]byte, error) { return [][]byte{[]byte("evil")}, nil }
	if _, err := members(t, evil); err == nil || !strings.Contains(err.Error(), "invalid bundle") {
		t.Errorf("making a signature that is none: %v", err)
	}
}

func TestSignaturesOfArchives(t *testing.T) {
	a, b := signer(t, "a", aKey), signer(t, "b", bKey)
	hint := func(s policy.Signer) string { return s.Keys[0].Hint() }
	claiming := func(raw []byte, of, other policy.Signer) []byte {
		return bytes.Replace(raw, []byte(hint(of)), []byte(hint(other)), 1)
	}
	both := proofOf(t, aKey, bKey)
	for _, c := range []struct {
		name          string
		first, second []byte
		signers       []policy.Signer
		by            string
		want          []string
	}{
		{"one of two keys", both[first], both[second], []policy.Signer{a}, "a", nil},
		{"both keys, in the order of the files", both[first], both[second], []policy.Signer{b, a}, "a b", nil},
		{"no key of the policy", both[first], nil, []policy.Signer{b}, "", []string{"content.sigstore.json: the signature does not match"}},
		{"no signature", nil, nil, []policy.Signer{a}, "", []string{"is not signed"}},
		{"no signer", both[first], nil, nil, "", nil},
		{"a bad signature beside a good one", both[first], claiming(both[second], b, a), []policy.Signer{a}, "a",
			[]string{"content.2.sigstore.json: the signature does not match"}},
		{"a good signature that claims to be of another key", both[first], claiming(both[second], b, a), []policy.Signer{a, b}, "a",
			[]string{"content.2.sigstore.json: key " + hint(b) + " has signed it"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string][]byte{proof.StatementFile: both[proof.StatementFile]}
			for name, raw := range map[string][]byte{first: c.first, second: c.second} {
				if raw != nil {
					files[name] = raw
				}
			}
			p, err := read(t, files)
			if err != nil {
				t.Fatal(err)
			}
			v := p.JudgeArchive(t.Context(), policy.Vouched(c.signers...))
			var by []string
			for _, s := range v.SignedBy {
				by = append(by, s.Signer)
			}
			if got := strings.Join(by, " "); got != c.by {
				t.Errorf("signed by %q, want %q", got, c.by)
			}
			wantProblems(t, v.Problems, c.want...)
		})
	}
}

func TestCompareOfFiles(t *testing.T) {
	file := func(name string) proof.File {
		return proof.File{Name: name, Digest: v1.Hash{Algorithm: "sha256"}, Size: 1}
	}
	for _, c := range []struct {
		name         string
		listed, have []string
		want         []string
	}{
		{"the same", []string{"a", "b"}, []string{"b", proof.StatementFile, "a"}, nil},
		{"twice in the statement", []string{"a", "a"}, []string{"a"}, []string{"lists file a twice"}},
		{"itself", []string{proof.StatementFile}, []string{proof.StatementFile}, []string{"lists file proof/content.json, which it cannot"}},
		{"its signature", []string{second}, []string{second}, []string{"lists file " + second + ", which it cannot", "1 of its 1 signatures are not numbered in order"}},
		{"twice in the archive", []string{"a"}, []string{"a", "a"}, []string{"duplicate file a"}},
		{"added", nil, []string{"a"}, []string{"file a was added"}},
		{"missing", []string{"a"}, nil, []string{"file a is missing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &proof.Proof{}
			for _, name := range c.listed {
				p.Content.Files = append(p.Content.Files, file(name))
			}
			var have []proof.File
			for _, name := range c.have {
				have = append(have, file(name))
			}
			wantProblems(t, p.Compare(have, nil), c.want...)
		})
	}
}
