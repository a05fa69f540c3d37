package carry_test

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/carry"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/registry"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

// front stands before a registry. answer answers in its place if it returns true.
func front(t *testing.T, host string, answer func(w http.ResponseWriter, r *http.Request) bool) string {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: host})
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answer(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func newClient(t *testing.T) *registry.Client {
	t.Helper()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return registry.New(registry.Options{Store: s})
}

func repository(t *testing.T, text string) name.Repository {
	t.Helper()
	r, err := name.NewRepository(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func digest(t *testing.T, of interface{ Digest() (v1.Hash, error) }) v1.Hash {
	t.Helper()
	h, err := of.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// document returns an artifact that has subject as its subject.
func document(t *testing.T, subject partial.Describable, text string) v1.Image {
	t.Helper()
	d, err := partial.Descriptor(subject)
	if err != nil {
		t.Fatal(err)
	}
	image := mutate.ConfigMediaType(imagetest.Silent(t, imagetest.Layer(t, imagetest.Files{"document": text})), "application/vnd.example.document")
	return mutate.Subject(image, *d).(v1.Image)
}

// signature returns what cosign stores under sha256-….sig.
func signature(t *testing.T, signatures ...string) v1.Image {
	t.Helper()
	image := imagetest.Silent(t)
	for _, text := range signatures {
		var err error
		image, err = mutate.Append(image, mutate.Addendum{Layer: static.NewLayer([]byte("payload"), "application/vnd.dev.cosign.simplesigning.v1+json"),
			Annotations: map[string]string{"dev.cosignproject.cosign/signature": text}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return image
}

type warnings struct {
	mu   sync.Mutex
	said []string
}

func (*warnings) Started(*progress.Task)         {}
func (*warnings) Line(*progress.Task, string)    {}
func (*warnings) Finished(*progress.Task, error) {}
func (w *warnings) Warning(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, message)
}

// A nest is an index with an index in it. Each of the two, and its image, has a referrer; that of the nested index has
// a signature under a tag of cosign, which has a referrer.
type nest struct {
	outer, inner v1.ImageIndex
	image        v1.Image
	// documents are the referrers, and sig is the signature of the second one.
	documents [4]v1.Image
	sig       v1.Image
}

func newNest(t *testing.T, repo string) nest {
	t.Helper()
	n := nest{image: imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"app": "1"}))}
	n.inner = imagetest.Index(t, n.image)
	n.outer = mutate.AppendManifests(imagetest.Index(t), mutate.IndexAddendum{Add: n.inner})
	imagetest.Push(t, repo+":v1", n.outer)
	for i, subject := range []partial.Describable{n.outer, n.inner, n.image} {
		n.documents[i] = document(t, subject, "of it")
		imagetest.Push(t, repo+"@"+digest(t, n.documents[i]).String(), n.documents[i])
	}
	n.sig = signature(t, "of the document")
	imagetest.Push(t, repo+":"+images.ReferrersTag(digest(t, n.documents[1]))+".sig", n.sig)
	n.documents[3] = document(t, n.sig, "of the signature")
	imagetest.Push(t, repo+"@"+digest(t, n.documents[3]).String(), n.documents[3])
	return n
}

func find(t *testing.T, ctx context.Context, repo string, of images.Artifact) []carry.Attachment {
	t.Helper()
	subjects, err := carry.Subjects(of)
	if err != nil {
		t.Fatal(err)
	}
	found, err := carry.Find(ctx, newClient(t), repository(t, repo), subjects, 4)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func names(list []carry.Attachment) (out []string) {
	for _, a := range list {
		out = append(out, strings.TrimSpace(a.Subject.String()+" "+a.Descriptor.Digest.String()+" "+a.Tag))
	}
	return out
}

func TestEverythingThatIsAttachedArrives(t *testing.T) {
	kinds := map[string]func(testing.TB) string{"the API": imagetest.ReferrersRegistry, "tags": imagetest.Registry, "distribution": imagetest.DistributionRegistry}
	for fromKind, toKind := range map[string]string{"the API": "distribution", "tags": "the API", "distribution": "tags"} {
		t.Run(fromKind+" to "+toKind, func(t *testing.T) {
			source, target := kinds[fromKind](t)+"/acme/app", kinds[toKind](t)+"/mirror/app"
			n := newNest(t, source)
			found := find(t, t.Context(), source, n.outer)
			sig := images.ReferrersTag(digest(t, n.documents[1])) + ".sig"
			want := []string{
				digest(t, n.outer).String() + " " + digest(t, n.documents[0]).String(),
				digest(t, n.inner).String() + " " + digest(t, n.documents[1]).String(),
				digest(t, n.documents[1]).String() + " " + digest(t, n.sig).String() + " " + sig,
				digest(t, n.sig).String() + " " + digest(t, n.documents[3]).String(),
				digest(t, n.image).String() + " " + digest(t, n.documents[2]).String(),
			}
			if diff := cmp.Diff(want, names(found)); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			imagetest.Push(t, target+":v1", n.outer)
			if err := carry.Send(t.Context(), newClient(t), repository(t, target), found, false, 4); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, names(find(t, t.Context(), target, n.outer))); diff != "" {
				t.Errorf("at the target (-want +got):\n%s", diff)
			}
		})
	}
}

// Tags of a hostile registry may form a loop.
func TestALoopOfTagsEnds(t *testing.T) {
	repo := imagetest.Registry(t) + "/acme/app"
	a, b := imagetest.Image(t, "linux/amd64"), signature(t, "of a")
	imagetest.Push(t, repo+":v1", a)
	imagetest.Push(t, repo+":"+images.ReferrersTag(digest(t, a))+".sig", b)
	imagetest.Push(t, repo+":"+images.ReferrersTag(digest(t, b))+".sig", b)
	imagetest.Push(t, repo+":"+images.ReferrersTag(digest(t, b))+".att", a)
	if found := find(t, t.Context(), repo, a); len(found) != 3 {
		t.Errorf("%v; want three", names(found))
	}
}

// A registry may list what does not refer to the subject, or what it does not have.
func TestListedReferrersAreChecked(t *testing.T) {
	host := imagetest.ReferrersRegistry(t)
	subject := imagetest.Image(t, "linux/amd64")
	real := document(t, subject, "real")
	other := document(t, real, "of another subject")
	var list v1.IndexManifest
	proxy := front(t, host, func(w http.ResponseWriter, r *http.Request) bool {
		lies := strings.HasSuffix(r.URL.Path, "/referrers/"+digest(t, subject).String())
		if lies {
			json.NewEncoder(w).Encode(list)
		}
		return lies
	})
	repo := proxy + "/acme/app"
	imagetest.Push(t, host+"/acme/app:v1", subject)
	for _, image := range []v1.Image{real, other} {
		imagetest.Push(t, host+"/acme/app@"+digest(t, image).String(), image)
	}
	missing := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}
	list = v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for _, h := range []v1.Hash{digest(t, other), missing, digest(t, subject), digest(t, real), digest(t, real)} {
		list.Manifests = append(list.Manifests, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: h, ArtifactType: "application/vnd.lie", Size: 7})
	}
	shown := &warnings{}
	found := find(t, progress.With(t.Context(), shown), repo, subject)
	want := []string{digest(t, subject).String() + " " + digest(t, real).String(), digest(t, real).String() + " " + digest(t, other).String()}
	if diff := cmp.Diff(want, names(found)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if found[0].Descriptor.ArtifactType != "application/vnd.example.document" {
		t.Errorf("the descriptor is the registry's: %+v", found[0].Descriptor)
	}
	for _, want := range []string{"has the subject " + digest(t, real).String(), "does not have it", "has no subject"} {
		if !slices.ContainsFunc(shown.said, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("no warning contains %q: %q", want, shown.said)
		}
	}
}

// A tag of cosign at the target may have signatures that the source does not have.
func TestSignaturesOfBothAreKept(t *testing.T) {
	for name, c := range map[string]struct{ theirs, ours, want v1.Image }{
		"both":      {signature(t, "theirs"), signature(t, "ours"), signature(t, "theirs", "ours")},
		"more":      {signature(t, "theirs", "ours"), signature(t, "ours"), signature(t, "theirs", "ours")},
		"less":      {signature(t, "ours"), signature(t, "theirs", "ours"), signature(t, "theirs", "ours")},
		"no common": {imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"sbom": "1"})), signature(t, "ours"), signature(t, "ours")},
	} {
		t.Run(name, func(t *testing.T) {
			source, target := imagetest.Registry(t)+"/acme/app", imagetest.Registry(t)+"/mirror/app"
			image := imagetest.Image(t, "linux/amd64")
			tag := images.ReferrersTag(digest(t, image)) + ".sig"
			for repo, sig := range map[string]v1.Image{source: c.ours, target: c.theirs} {
				imagetest.Push(t, repo+":v1", image)
				imagetest.Push(t, repo+":"+tag, sig)
			}
			found := find(t, t.Context(), source, image)
			shown := &warnings{}
			if err := carry.Send(progress.With(t.Context(), shown), newClient(t), repository(t, target), found, false, 2); err != nil {
				t.Fatal(err)
			}
			got := find(t, t.Context(), target, image)[0].Artifact.(v1.Image)
			if diff := cmp.Diff(layers(t, c.want), layers(t, got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if replaced := len(shown.said) > 0; replaced != (name == "no common") {
				t.Errorf("warnings: %q", shown.said)
			}
			err := carry.Send(t.Context(), newClient(t), repository(t, target), []carry.Attachment{{Subject: digest(t, image), Tag: tag,
				Descriptor: v1.Descriptor{Digest: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}}, Artifact: c.ours}}, true, 2)
			if err == nil || !strings.Contains(err.Error(), "copy without --no-clobber") {
				t.Errorf("with noClobber: %v", err)
			}
		})
	}
}

func layers(t *testing.T, image v1.Image) []v1.Descriptor {
	t.Helper()
	m, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	return m.Layers
}

// What is attached to an attachment says nothing about the image: a verifier must not take it for its signature.
func TestDocumentsOfAnArchive(t *testing.T) {
	repo := imagetest.Registry(t) + "/acme/app"
	image, sig := imagetest.Image(t, "linux/amd64"), signature(t, "of the image", "of the image by another")
	note := document(t, sig, "of the signature")
	imagetest.Push(t, repo+":v1", image)
	imagetest.Push(t, repo+":"+images.ReferrersTag(digest(t, image))+".sig", sig)
	imagetest.Push(t, repo+":"+images.ReferrersTag(digest(t, note))+".sig", signature(t, "of the note"))
	imagetest.Push(t, repo+"@"+digest(t, note).String(), note)
	subject := digest(t, image)
	attached := find(t, t.Context(), repo, image)
	documents, err := carry.Documents(t.Context(), attached, []v1.Hash{subject}, carry.NewBudget(1<<30))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, d := range documents {
		kinds = append(kinds, strings.TrimSpace(string(d.Kind)+" "+d.Annotations["dev.cosignproject.cosign/signature"]))
	}
	want := []string{"referrer", "blob", "signature of the image", "signature of the image by another", "referrer", "blob", "blob", "referrer", "blob", "blob of the note"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	items, err := proof.NewMaker().Add(documents)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(items); n < 8 {
		t.Errorf("%d items; want both signatures of one payload, too", n)
	}
}

func TestPathLeadsToTheImage(t *testing.T) {
	n := newNest(t, imagetest.Registry(t)+"/acme/app")
	other := imagetest.Index(t, imagetest.Image(t, "linux/arm64"))
	outer := mutate.AppendManifests(imagetest.Index(t), mutate.IndexAddendum{Add: other}, mutate.IndexAddendum{Add: n.inner})
	got, err := carry.Path(outer, digest(t, n.image))
	if err != nil || !slices.Equal(got, []v1.Hash{digest(t, outer), digest(t, n.inner)}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := carry.Path(other, digest(t, n.image)); err != nil || len(got) > 0 {
		t.Errorf("%v, %v; want none", got, err)
	}
}

// Each level of a hostile index lists the next one many times.
func TestDocumentsOfAHostileIndex(t *testing.T) {
	var index v1.ImageIndex = imagetest.Index(t)
	for range carry.MaxNesting {
		index = mutate.AppendManifests(imagetest.Index(t), slices.Repeat([]mutate.IndexAddendum{{Add: index}}, 30)...)
	}
	documents, err := carry.Documents(t.Context(), []carry.Attachment{{Artifact: index}}, nil, carry.NewBudget(1<<30))
	if err != nil || len(documents) != carry.MaxNesting+1 {
		t.Errorf("%d documents, %v", len(documents), err)
	}
}

// A node runs an entry for its platform, whatever the annotations of the entry say.
func TestRunnable(t *testing.T) {
	image, hidden := imagetest.Image(t, "linux/amd64"), imagetest.Image(t, "linux/arm64")
	index := mutate.AppendManifests(imagetest.Attest(t, imagetest.Index(t, image), imagetest.AttestationImage), mutate.IndexAddendum{Add: hidden, Descriptor: v1.Descriptor{
		Platform:    &v1.Platform{OS: "linux", Architecture: "arm64"},
		Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"}}})
	got, err := carry.Runnable(index)
	if want := []v1.Hash{digest(t, index), digest(t, image), digest(t, hidden)}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}
