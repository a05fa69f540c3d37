package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/progress"
)

// mutations is the number of mutations of TestMutationsDoNotVerify.
const mutations = 100_000

func contentsOf(t testing.TB, raw []byte) *contents {
	t.Helper()
	r := &Report{Size: int64(len(raw)), Codec: format.Tar}
	c, err := r.pass(t.Context(), bytes.NewReader(raw), nil, false, progress.Start(t.Context(), ""))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// judged verifies a plain tar in memory, as Archive does.
func judged(t testing.TB, raw []byte, o Options) *Report {
	t.Helper()
	r := &Report{Size: int64(len(raw)), Codec: format.Tar, Problems: []string{}, Notes: []string{}}
	c := contentsOf(t, raw)
	if c.broken != nil {
		r.problem("%v", c.broken)
		return r
	}
	r.checkFiles(c)
	r.checkImages(t.Context(), c, false, o)
	return r
}

// verifies reports whether a plain tar in memory has no problem. It ends at the first step that finds one.
func verifies(t testing.TB, raw []byte, o Options) bool {
	t.Helper()
	r, c := &Report{Size: int64(len(raw)), Codec: format.Tar}, contentsOf(t, raw)
	if c.broken != nil {
		return false
	}
	if r.checkFiles(c); len(r.Problems) > 0 {
		return false
	}
	r.checkImages(t.Context(), c, false, o)
	return len(r.Problems) == 0
}

// A mutator changes a signed archive in ways of an attacker.
type mutator struct {
	t       testing.TB
	random  *rand.Rand
	good    *airgaptest.Workshop
	others  []*airgaptest.Workshop // signed as well: of another release, an older version, by another key
	forgers []proof.Signer
	forged  map[string][]byte // the signatures of forgers
}

func (m *mutator) copy() *airgaptest.Workshop {
	w := *m.good
	w.Names, w.Content = slices.Clone(w.Names), maps.Clone(w.Content)
	return &w
}

func pick[T any](m *mutator, from []T) T { return from[m.random.IntN(len(from))] }

// named returns the files whose names have a prefix.
func (m *mutator) named(w *airgaptest.Workshop, prefix string) []string {
	return slices.DeleteFunc(slices.Clone(w.Names), func(n string) bool { return !strings.HasPrefix(n, prefix) || strings.HasSuffix(n, "/") })
}

// bytes changes a byte, removes some, or adds some.
func (m *mutator) bytes(b []byte) []byte {
	out := bytes.Clone(b)
	if len(out) == 0 {
		return []byte{byte(m.random.IntN(256))}
	}
	at := m.random.IntN(len(out))
	switch m.random.IntN(4) {
	case 0:
		out[at] ^= 1 << m.random.IntN(8)
	case 1:
		out[at] = byte(m.random.IntN(256))
	case 2:
		out = slices.Delete(out, at, min(len(out), at+1+m.random.IntN(8)))
	default:
		out = slices.Insert(out, at, []byte(pick(m, []string{" ", "\n", "0", "{}", "=", "\x00", ",", `"a":1,`, "[]"}))...)
	}
	return out
}

// document changes a JSON document: duplicate, removed, swapped and truncated members, other digests and types.
func (m *mutator) document(b []byte) []byte {
	var v any
	if m.random.IntN(3) == 0 || json.Unmarshal(b, &v) != nil {
		return m.bytes(b)
	}
	if m.random.IntN(6) == 0 { // a member twice, or in another case
		name := pick(m, []string{"subject", "predicate", "predicateType", "images", "files", "_type", "dsseEnvelope", "payload", "Payload", "Subject", "mediaType", "hint"})
		return append(fmt.Appendf([]byte("{"), "%q:%s,", name, pick(m, []string{"[]", "{}", `"x"`, "null"})), b[1:]...)
	}
	v = m.value(v, 0)
	raw, err := json.Marshal(v)
	if err != nil {
		m.t.Fatal(err)
	}
	return raw
}

func (m *mutator) value(v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		if len(names) == 0 {
			return map[string]any{"added": true}
		}
		name := pick(m, names)
		switch m.random.IntN(5) {
		case 0:
			delete(v, name)
		case 1:
			v[pick(m, names)], v[name] = v[name], v[pick(m, names)]
		default:
			v[name] = m.value(v[name], depth+1)
		}
		return v
	case []any:
		switch {
		case len(v) == 0:
			return []any{"added"}
		case m.random.IntN(4) == 0:
			return v[:m.random.IntN(len(v))]
		case m.random.IntN(4) == 0:
			return append(v, v[0])
		}
		at := m.random.IntN(len(v))
		v[at] = m.value(v[at], depth+1)
		return v
	case string:
		if hash := strings.TrimPrefix(v, "sha256:"); format.IsHexDigest(hash) {
			return strings.TrimSuffix(v, hash) + airgaptest.HexDigest([]byte{byte(m.random.IntN(256))})
		}
		return pick(m, []string{"", v + "x", "https://in-toto.io/Statement/v0.1", cosignSignature, "application/json", "v9.9.9"})
	case float64:
		return v + 1
	}
	return "other"
}

// mutate returns a mutation, and what it is.
func (m *mutator) mutate() (string, []byte) {
	w := m.copy()
	statement := w.Content[proof.StatementFile]
	switch m.random.IntN(12) {
	case 0:
		return "bytes of the archive", m.bytes(w.Tar())
	case 1:
		name := pick(m, w.Names)
		w.Content[name] = m.bytes(w.Content[name])
		return "bytes of " + name, w.Tar()
	case 2:
		w.Content[proof.StatementFile] = m.document(statement)
		return "the statement", w.Tar()
	case 3:
		name := pick(m, m.named(w, "proof/content."))
		w.Content[name] = m.document(w.Content[name])
		return "a signature or the statement", w.Tar()
	case 4:
		name := pick(m, m.named(w, "proof/sha256/"))
		w.Content[name] = m.document(w.Content[name])
		return "a document", w.Tar()
	case 5:
		name := pick(m, w.Names)
		w.Drop(name)
		return "without " + name, w.Tar()
	case 6:
		name := pick(m, []string{"evil", "proof/evil", "blobs/sha256/" + airgaptest.HexDigest([]byte("evil")), "proof/content.2.sigstore.json", "proof/content.3.sigstore.json", "proof/sha256/" + airgaptest.HexDigest([]byte("evil")), "./" + pick(m, w.Names)})
		w.Set(name, []byte("evil"))
		return "with " + name, w.Tar()
	case 7: // one file, or the whole proof, of another archive
		from := pick(m, m.others)
		if m.random.IntN(2) == 0 {
			name := pick(m, from.Names)
			w.Set(name, from.Content[name])
			return "with " + name + " of another archive", w.Tar()
		}
		for _, name := range m.named(w, "proof/") {
			w.Drop(name)
		}
		for _, name := range m.named(from, "proof/") {
			w.Set(name, from.Content[name])
		}
		return "with the proof of another archive", w.Tar()
	case 8: // signed again by a key that is not trusted
		forged := statement
		if m.random.IntN(2) == 0 {
			forged = m.document(statement)
		}
		w.Content[proof.StatementFile], w.Content["proof/content.sigstore.json"] = forged, m.forge(m.random.IntN(len(m.forgers)), forged)
		return "signed by another key", w.Tar()
	case 9: // the envelope claims another type or payload
		var bundle map[string]any
		if err := json.Unmarshal(w.Content["proof/content.sigstore.json"], &bundle); err != nil {
			m.t.Fatal(err)
		}
		envelope := bundle["dsseEnvelope"].(map[string]any)
		if m.random.IntN(2) == 0 {
			envelope["payloadType"] = pick(m, []string{"", "application/json", "application/vnd.in-toto", "application/vnd.in-toto+json "})
		} else {
			changed := m.document(statement)
			envelope["payload"] = base64.StdEncoding.EncodeToString(changed)
			if m.random.IntN(2) == 0 {
				w.Content[proof.StatementFile] = changed
			}
		}
		w.Content["proof/content.sigstore.json"], _ = json.Marshal(bundle)
		return "another envelope", w.Tar()
	case 10: // a view that hides or adds an image, or gives it another name
		name := pick(m, []string{format.ManifestJSON, format.IndexJSON})
		w.Content[name] = m.document(w.Content[name])
		return "another view", w.Tar()
	}
	a, b := pick(m, w.Names), pick(m, w.Names) // two files change places
	w.Content[a], w.Content[b] = w.Content[b], w.Content[a]
	return "swapped " + a + " and " + b, w.Tar()
}

// forge signs a statement by a key that is not trusted, each statement once.
func (m *mutator) forge(by int, statement []byte) []byte {
	key := fmt.Sprintf("%d %s", by, statement)
	if m.forged[key] == nil {
		bundles, err := m.forgers[by](m.t.Context(), statement)
		if err != nil {
			m.t.Fatal(err)
		}
		m.forged[key] = bundles[0]
	}
	return m.forged[key]
}

// same reports whether two tars have the same files, which no reader of files tells from one another.
func same(t testing.TB, a, b []byte) bool {
	describe := func(raw []byte) map[string]string {
		c, out := contentsOf(t, raw), map[string]string{}
		if c.broken != nil {
			return map[string]string{"broken": c.broken.Error()}
		}
		for _, f := range c.files {
			out[f.rawName] += f.digest + f.link + " "
		}
		return out
	}
	return maps.Equal(describe(a), describe(b))
}

// No archive verifies that has other content, or another proof, than the one that was signed: by bytes, by documents,
// and by all that a valid proof of something else offers. Another order of files, or padding, is the same content.
func TestMutationsDoNotVerify(t *testing.T) {
	trusted := policy.Vouched(signer(t, "release", releaseKey))
	trusted.Archive.Release, trusted.Archive.Minimum = "acme", "v1.2.0"
	trusted.Images = []policy.Rule{{Repositories: []string{"docker.io/acme/*"}}, {Repositories: []string{"registry.example.com/**"}, Signers: []policy.Signer{signer(t, "upstream", upstreamKey)}}}
	write := func(p *pack.Proof, all ...pack.Image) *airgaptest.Workshop {
		return airgaptest.OpenWorkshop(t, airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{Proof: p})[format.Tar])
	}
	old, other := signedProof(t, releaseKey), signedProof(t, releaseKey)
	old.Release = &proof.Origin{Name: "acme", Version: "v1.1.9"}
	other.Release = &proof.Origin{Name: "other", Version: "v2.0.0"}
	all := signedImages(t)
	good := write(signedProof(t, releaseKey), all...)
	forgers := []proof.Signer{proof.SignWith(airgaptest.Key(t, otherKey)), proof.SignWith(airgaptest.Key(t, upstreamKey))}
	others := []*airgaptest.Workshop{write(old, all...), write(other, all...), write(signedProof(t, otherKey), all...),
		write(signedProof(t, releaseKey), all[0]), write(signedProof(t, releaseKey), airgaptest.Simple(t, "acme/runtime:v1", "linux/arm64"))}
	o := Options{Policy: trusted}
	tar := good.Tar()
	compareParts(t, "problems", nil, judged(t, tar, o).Problems)
	for i, replayed := range others[:3] {
		if len(judged(t, replayed.Tar(), o).Problems) == 0 {
			t.Errorf("archive %d is another release, and verifies", i)
		}
	}
	var seen sync.Map // the SHA-256 of mutations: many are equal, such as those without a file
	count := mutations
	if testing.Short() {
		count /= 50
	}
	const shares = 8
	for share := range shares {
		t.Run(fmt.Sprint(share), func(t *testing.T) {
			t.Parallel()
			m := &mutator{t, rand.New(rand.NewPCG(11, uint64(share))), good, others, forgers, map[string][]byte{}}
			equal, again := 0, 0
			for i := range count / shares {
				what, raw := m.mutate()
				if _, known := seen.LoadOrStore(sha256.Sum256(raw), true); known {
					again++
					continue
				}
				if !verifies(t, raw, o) {
					continue
				}
				if !same(t, tar, raw) {
					t.Fatalf("mutation %d verifies: %s", i, what)
				}
				equal++
			}
			t.Logf("%d mutations, of which %d are equal to others and %d do not change a file", count/shares, again, equal)
			if equal > count/shares/10 {
				t.Errorf("%d of %d mutations change nothing", equal, count/shares)
			}
		})
	}
}
