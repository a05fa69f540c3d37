package keyless_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/attest/keyless"
	"github.com/slipway-build/slipway/images/attest/keyless/keylesstest"
	"github.com/slipway-build/slipway/images/attest/sign"
)

func fields(t testing.TB, raw []byte) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func encoded(t testing.TB, content map[string]any) []byte {
	t.Helper()
	raw, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Parts of one bundle are put into another that is of the same identity.
func TestPartsOfOtherSignatures(t *testing.T) {
	s := keylesstest.Start(t)
	first, second := message(t, signer(t, s, services{true, true})), message(t, signer(t, s, services{true, true}))
	for _, part := range []string{"certificate", "timestampVerificationData", "tlogEntries"} {
		a, b := fields(t, first), fields(t, second)
		material := func(f map[string]any) map[string]any { return f["verificationMaterial"].(map[string]any) }
		material(a)[part] = material(b)[part]
		root := verifier(t, s.Root("rekor"), known)
		if part == "timestampVerificationData" { // if a log states the time, a timestamp is not needed
			root = verifier(t, s.Root("tsa"), known)
		}
		if err := verify(t, encoded(t, a), content, root); err == nil {
			t.Errorf("the %s of another signature is taken", part)
		}
		// The body of an entry is what the log promised and proves.
		if part == "tlogEntries" {
			a = fields(t, first)
			entry := func(f map[string]any) map[string]any { return material(f)[part].([]any)[0].(map[string]any) }
			for _, field := range []string{"inclusionPromise", "inclusionProof", "canonicalizedBody", "integratedTime"} {
				c := fields(t, first)
				entry(c)[field] = entry(b)[field]
				if field == "integratedTime" {
					entry(c)[field] = "1"
				}
				if err := verify(t, encoded(t, c), content, root); err == nil {
					t.Errorf("the %s of another entry is taken", field)
				}
				delete(entry(a), field)
			}
			if err := verify(t, encoded(t, a), content, root); err == nil {
				t.Error("an entry without anything is taken")
			}
		}
	}
}

// A byte that changes what is proven, or who has proven it, makes a bundle invalid.
func TestMutations(t *testing.T) {
	s := keylesstest.Start(t)
	root := verifier(t, s.Root("tsa", "rekor", "ctlog"), known)
	raw := envelope(t, signer(t, s, services{true, true}))
	if err := verify(t, raw, content, root); err != nil {
		t.Fatal(err)
	}
	wanted, err := sign.ParseBundle(raw)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		changed := append([]byte(nil), raw...)
		changed[random.IntN(len(changed))] ^= byte(1 + random.IntN(255))
		b, err := sign.ParseBundle(changed)
		if err != nil {
			continue
		}
		e, err := b.VerifyEnvelope(t.Context(), root)
		if err != nil {
			continue
		}
		was := wanted.Content().GetDsseEnvelope()
		if string(e.Payload) != string(was.GetPayload()) || e.PayloadType != was.GetPayloadType() {
			t.Fatalf("a changed bundle is valid: %s", changed)
		}
	}
}

func TestInvalidRoots(t *testing.T) {
	s := keylesstest.Start(t)
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"media type": {func(f map[string]any) { f["mediaType"] = "x" }, `media type "x"`},
		"no Fulcio":  {func(f map[string]any) { delete(f, "certificateAuthorities") }, "missing certificate authority"},
		"no time":    {func(f map[string]any) { delete(f, "timestampAuthorities") }, "neither a timestamp authority nor a log"},
		"log":        {func(f map[string]any) { f["tlogs"] = []any{map[string]any{}} }, "log 1: missing ID of its key"},
		"chain":      {func(f map[string]any) { f["timestampAuthorities"] = []any{map[string]any{}} }, "timestamp authority 1: missing certificates"},
		"member":     {func(f map[string]any) { f["more"] = true }, "unknown field"},
	} {
		f := fields(t, s.Root("tsa"))
		c.change(f)
		if _, err := keyless.ParseRoot(encoded(t, f)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	r, err := keyless.ParseRoot(s.Root("tsa"))
	if err != nil {
		t.Fatal(err)
	}
	for want, who := range map[string]keyless.Identity{
		"needs subject or subject-regexp": {Issuer: "x"},
		"needs issuer or issuer-regexp":   {Subject: "x"},
		"want one of them":                {Subject: "x", SubjectRegexp: "x", Issuer: "x"},
		"error parsing regexp":            {SubjectRegexp: "(", Issuer: "x"},
	} {
		if _, err := r.Verifier(who); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want %q", who, err, want)
		}
	}
}

func FuzzBundles(f *testing.F) {
	s := keylesstest.Start(f)
	root := verifier(f, s.Root("tsa", "rekor", "ctlog"), known)
	f.Add(envelope(f, signer(f, s, services{true, true})))
	f.Add(message(f, signer(f, s, services{true, true})))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := sign.ParseBundle(raw)
		if err != nil {
			return
		}
		if e, err := b.VerifyEnvelope(t.Context(), root); err == nil && string(e.Payload) != statement {
			t.Errorf("another statement is valid: %s", e.Payload)
		}
		if _, err := b.VerifyMessage(t.Context(), sign.Bytes([]byte("other")), root); err == nil {
			t.Error("other content is valid")
		}
	})
}
