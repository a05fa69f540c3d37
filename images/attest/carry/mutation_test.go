package carry_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/carry"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// A liar is a registry that answers some requests wrongly, chosen by a seed.
type liar struct {
	mu     sync.Mutex
	random *rand.Rand
	// rate is the number of requests of which about one gets a lie.
	rate int
	// manifests are digests of manifests that it may give in place of others.
	manifests []v1.Hash
	told      []string
}

// lie may change an answer.
func (l *liar) lie(r *http.Request, answer *httptest.ResponseRecorder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if answer.Code != http.StatusOK && answer.Code != http.StatusCreated || l.random.IntN(l.rate) != 0 {
		return
	}
	other := l.manifests[l.random.IntN(len(l.manifests))]
	lies := map[string]func(){
		"digest in the header": func() { answer.Header().Set("Docker-Content-Digest", other.String()) },
		"no digest":            func() { answer.Header().Del("Docker-Content-Digest") },
		"absent":               func() { *answer = *httptest.NewRecorder(); answer.WriteHeader(http.StatusNotFound) },
		"HTML":                 func() { answer.Body = bytes.NewBufferString("<!DOCTYPE html>") },
		"one byte": func() {
			if b := answer.Body.Bytes(); len(b) > 0 {
				b[l.random.IntN(len(b))] ^= 1 << l.random.IntN(8)
			}
		},
		"a shorter answer": func() { answer.Body.Truncate(l.random.IntN(answer.Body.Len() + 1)) },
	}
	if strings.Contains(r.URL.Path, "/referrers/") {
		change := func(edit func(list *v1.IndexManifest)) func() {
			return func() {
				var list v1.IndexManifest
				if json.Unmarshal(answer.Body.Bytes(), &list) == nil {
					edit(&list)
				}
				raw, _ := json.Marshal(list)
				answer.Body = bytes.NewBuffer(raw)
			}
		}
		lies["another referrer"] = change(func(list *v1.IndexManifest) {
			list.Manifests = append(list.Manifests, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: other, Size: 7})
		})
		lies["duplicates"] = change(func(list *v1.IndexManifest) { list.Manifests = append(list.Manifests, list.Manifests...) })
		lies["none"] = change(func(list *v1.IndexManifest) { list.Manifests = nil })
		lies["wrong descriptors"] = change(func(list *v1.IndexManifest) {
			for i := range list.Manifests {
				list.Manifests[i].Size, list.Manifests[i].MediaType = -1, types.OCIImageIndex
			}
		})
	}
	// The order of a map must not decide.
	kinds := slices.Sorted(maps.Keys(lies))
	name := kinds[l.random.IntN(len(kinds))]
	lies[name]()
	l.told = append(l.told, r.Method+" "+r.URL.Path+": "+name)
}

// drops reports whether the registry accepts a manifest without keeping it. It keeps tags, for which a push waits half a
// minute.
func (l *liar) drops(r *http.Request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/manifests/sha256:") || l.random.IntN(l.rate) != 0 {
		return false
	}
	l.told = append(l.told, r.Method+" "+r.URL.Path+": dropped")
	return true
}

// before starts the liar before a registry.
func (l *liar) before(t *testing.T, registry http.Handler) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		if l.drops(r) {
			raw, _ := io.ReadAll(r.Body)
			h, _, _ := v1.SHA256(bytes.NewReader(raw))
			answer.Header().Set("Docker-Content-Digest", h.String())
			answer.WriteHeader(http.StatusCreated)
		} else {
			registry.ServeHTTP(answer, r)
			l.lie(r, answer)
		}
		for key, values := range answer.Header() {
			if key != "Content-Length" || r.Method == http.MethodHead {
				w.Header()[key] = values
			}
		}
		if r.Method != http.MethodHead {
			w.Header().Set("Content-Length", strconv.Itoa(answer.Body.Len()))
		}
		w.WriteHeader(answer.Code)
		io.Copy(w, answer.Body)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// memory returns a registry with the referrers API.
func memory() http.Handler {
	return ggcr.New(ggcr.WithReferrersSupport(true), ggcr.Logger(log.New(io.Discard, "", 0)))
}

// rounds returns the number of seeds.
func rounds(t *testing.T) int {
	if testing.Short() {
		return 20
	}
	return 60
}

// subjects returns the digests of the indexes and the image.
func (n nest) subjects(t *testing.T) []v1.Hash {
	t.Helper()
	subjects, err := carry.Subjects(n.outer)
	if err != nil {
		t.Fatal(err)
	}
	return subjects
}

// digests returns the digests of all manifests.
func (n nest) digests(t *testing.T) []v1.Hash {
	out := append(n.subjects(t), digest(t, n.sig))
	for _, d := range n.documents {
		out = append(out, digest(t, d))
	}
	return out
}

// Whatever a source says, what is found has its digest, and a referrer names its subject.
func TestAHostileSource(t *testing.T) {
	content := memory()
	honest := (&liar{random: rand.New(rand.NewPCG(0, 0)), rate: 1 << 62, manifests: []v1.Hash{{}}}).before(t, content)
	n := newNest(t, honest+"/acme/app")
	lies, failed := 0, 0
	for seed := range uint64(rounds(t)) {
		l := &liar{random: rand.New(rand.NewPCG(seed, 1)), rate: 8, manifests: n.digests(t)}
		repo := repository(t, l.before(t, content)+"/acme/app")
		ctx := progress.With(t.Context(), &warnings{})
		found, err := carry.Find(ctx, newClient(t), repo, n.subjects(t), 1)
		lies += len(l.told)
		if err != nil {
			failed++
			continue
		}
		for _, a := range found {
			raw, err := a.Artifact.RawManifest()
			if err != nil {
				t.Fatal(err)
			}
			d, subject, err := images.ReferrerOf(types.OCIManifestSchema1, raw)
			if err != nil || d.Digest != a.Descriptor.Digest || a.Tag == "" && (subject == nil || subject.Digest != a.Subject) {
				t.Fatalf("seed %d, %q: found %+v: %v", seed, l.told, a, err)
			}
			documents, err := carry.Documents(ctx, []carry.Attachment{a}, n.subjects(t), carry.NewBudget(1<<30))
			if err != nil {
				continue
			}
			var m v1.Manifest
			if err := json.Unmarshal(raw, &m); err != nil {
				t.Fatal(err)
			}
			for i, want := range append([]v1.Descriptor{d, m.Config}, m.Layers...) {
				if documents[i].Digest() != want.Digest || documents[i].Kind == proof.Referrer != (i == 0) {
					t.Fatalf("seed %d, %q: document %d of %s is %s", seed, l.told, i, d.Digest, documents[i].Digest())
				}
			}
		}
	}
	if lies < rounds(t) || failed == rounds(t) {
		t.Errorf("%d lies, %d of %d rounds failed", lies, failed, rounds(t))
	}
}

// Whatever a target says, either everything arrives, or an error or a warning says that it does not.
func TestAHostileTarget(t *testing.T) {
	source := imagetest.ReferrersRegistry(t) + "/acme/app"
	n := newNest(t, source)
	found := find(t, t.Context(), source, n.outer)
	want := names(found)
	lies, failed := 0, 0
	for seed := range uint64(rounds(t)) {
		content := memory()
		honest := (&liar{random: rand.New(rand.NewPCG(0, 0)), rate: 1 << 62, manifests: []v1.Hash{{}}}).before(t, content)
		imagetest.Push(t, honest+"/mirror/app:v1", n.outer)
		l := &liar{random: rand.New(rand.NewPCG(seed, 2)), rate: 10, manifests: n.digests(t)}
		shown := &warnings{}
		err := carry.Send(progress.With(t.Context(), shown), newClient(t), repository(t, l.before(t, content)+"/mirror/app"), found, false, 1)
		lies += len(l.told)
		if err != nil || len(shown.said) > 0 {
			failed++
			continue
		}
		if got := names(find(t, t.Context(), honest+"/mirror/app", n.outer)); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("seed %d: after %q, the target has %q; want %q", seed, l.told, got, want)
		}
	}
	if lies < rounds(t)/2 || failed == rounds(t) {
		t.Errorf("%d lies, %d of %d rounds failed", lies, failed, rounds(t))
	}
}
