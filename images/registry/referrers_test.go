package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/hosts"
	"github.com/slipway-build/slipway/images/imagetest"
)

// pushSubject pushes an image to repo:v1 and returns its reference by digest.
func pushSubject(t *testing.T, repo string) name.Digest {
	t.Helper()
	d, err := name.NewDigest(imagetest.Push(t, repo+":v1", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "x"}))))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// newReferrer returns an image that has subject as its subject.
func newReferrer(t *testing.T, subject name.Digest, text string) v1.Image {
	t.Helper()
	h, err := v1.NewHash(subject.DigestStr())
	if err != nil {
		t.Fatal(err)
	}
	image := mutate.ConfigMediaType(imagetest.Silent(t, imagetest.Layer(t, imagetest.Files{"document": text})), "application/vnd.example.document")
	image = mutate.Annotations(image, map[string]string{"text": text}).(v1.Image)
	// Last, since go-containerregistry drops a subject when it changes the manifest again.
	return mutate.Subject(image, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: h, Size: 1}).(v1.Image)
}

// digests returns the sorted digests of referrers, and those of images.
func digests(list []v1.Descriptor) (out []string) {
	for _, d := range list {
		out = append(out, d.Digest.String())
	}
	slices.Sort(out)
	return out
}

func wantReferrers(t *testing.T, c *Client, subject name.Digest, want ...v1.Image) []v1.Descriptor {
	t.Helper()
	got, err := c.Referrers(t.Context(), subject)
	if err != nil {
		t.Fatal(err)
	}
	var all []v1.Descriptor
	for _, image := range want {
		all = append(all, v1.Descriptor{Digest: digestOf(t, image)})
	}
	if !slices.Equal(digests(got), digests(all)) {
		t.Errorf("referrers %v; want %v", digests(got), digests(all))
	}
	return got
}

func isReferrers(r *http.Request) bool { return strings.Contains(r.URL.Path, "/referrers/") }

// A registry without the referrers API may answer a request for it in any way.
func TestReferrersWithoutTheirAPI(t *testing.T) {
	elsewhere := newFront(t, "127.0.0.1:1", func(_ *front, w http.ResponseWriter, _ *http.Request, _ int) bool {
		return refuse(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "the website is busy")
	})
	status := func(status int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { refuse(w, status, "UNSUPPORTED", "") }
	}
	for name, answer := range map[string]func(http.ResponseWriter){
		"400": status(400), "401": status(401), "403": status(403), "404": status(404), "405": status(405), "406": status(406), "501": status(501),
		"a page":    func(w http.ResponseWriter) { io.WriteString(w, "<!DOCTYPE html><title>Registry</title>") },
		"nothing":   func(w http.ResponseWriter) { w.WriteHeader(200) },
		"an object": func(w http.ResponseWriter) { io.WriteString(w, "{}") },
		"a redirect": func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://"+elsewhere.host+"/-/v2/x")
			w.WriteHeader(303)
		},
		"a dead end":   func(w http.ResponseWriter) { w.WriteHeader(303) },
		"an empty API": func(w http.ResponseWriter) { io.WriteString(w, `{"schemaVersion":2,"manifests":[]}`) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
				if isReferrers(r) {
					answer(w)
				}
				return isReferrers(r)
			})
			subject := pushSubject(t, f.host+"/org/x")
			a, b := newReferrer(t, subject, "a"), newReferrer(t, subject, "b")
			c := newClient(t)
			ctx, shown := watched(t)
			wantReferrers(t, c, subject)
			for _, image := range []v1.Image{a, b} {
				if err := c.PushReferrers(ctx, subject, image); err != nil {
					t.Fatal(err)
				}
			}
			for _, d := range wantReferrers(t, newClient(t), subject, a, b) {
				// The tag has what the API would say.
				if d.ArtifactType != "application/vnd.example.document" || d.Annotations["text"] == "" || d.MediaType != types.OCIManifestSchema1 {
					t.Errorf("the entry is %+v", d)
				}
			}
			f.forget()
			if err := newClient(t).PushReferrers(ctx, subject, a, b); err != nil || f.count(http.MethodPut) > 0 {
				t.Errorf("pushing again: %v, and %d PUTs", err, f.count(http.MethodPut))
			}
			if elsewhere.count("GET") > 0 {
				t.Error("the redirect was followed")
			}
			warned := strings.Contains(strings.Join(shown.warned, "\n"), "accepted but does not list")
			if warned != (name == "an empty API") {
				t.Errorf("warned: %t", warned)
			}
		})
	}
}

func TestARegistryThatDropsReferrers(t *testing.T) {
	f := newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		if isReferrers(r) {
			io.WriteString(w, `{"schemaVersion":2,"manifests":[]}`)
		}
		return isReferrers(r)
	})
	subject := pushSubject(t, f.host+"/org/x")
	image := newReferrer(t, subject, "a")
	ctx, shown := watched(t)
	if err := newClient(t).PushReferrers(ctx, subject, image); err != nil {
		t.Fatal(err)
	}
	if said := strings.Join(shown.warned, "\n"); !strings.Contains(said, digestOf(t, image).String()+" application/vnd.example.document") || !strings.Contains(said, "the tag sha256-") {
		t.Errorf("the warning is %q", said)
	}
}

// A registry may accept a manifest and not keep it, or keep another one.
func TestAcceptedReferrersAreReadBack(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		want   string
	}{
		"dropped": {func(w http.ResponseWriter) { refuse(w, 404, "MANIFEST_UNKNOWN", "") }, "has accepted"},
		"swapped": {func(w http.ResponseWriter) { io.WriteString(w, `{"schemaVersion":2}`) }, "wrong content"},
	} {
		t.Run(name, func(t *testing.T) {
			var of atomic.Value
			of.Store("none")
			f := newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
				lies := isGet(r, "manifests") && strings.HasSuffix(r.URL.Path, of.Load().(string))
				if lies {
					w.Header().Set("Docker-Content-Digest", of.Load().(string))
					c.answer(w)
				}
				return lies
			})
			subject := pushSubject(t, f.host+"/org/x")
			image := newReferrer(t, subject, "a")
			of.Store(digestOf(t, image).String())
			wantError(t, newClient(t).PushReferrers(t.Context(), subject, image), c.want, digestOf(t, image).String())
		})
	}
}

func TestReferrersOfAnotherSubjectAreRefused(t *testing.T) {
	host := imagetest.Registry(t)
	subject := pushSubject(t, host+"/org/x")
	other := subject.Context().Digest("sha256:" + strings.Repeat("0", 64))
	wantError(t, newClient(t).PushReferrers(t.Context(), subject, newReferrer(t, other, "a")), "does not have "+subject.DigestStr()+" as its subject")
}

// Some registries refuse what does not exist, in place of saying so.
func TestReferrersThatARegistryRefuses(t *testing.T) {
	f := newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		return (isReferrers(r) || isManifest(r, http.MethodGet) && strings.Contains(r.URL.Path, "/sha256-")) && refuse(w, http.StatusForbidden, "DENIED", "")
	})
	ctx, shown := watched(t)
	subject := pushSubject(t, f.host+"/org/x")
	c := newClient(t)
	for range 2 {
		if found, err := c.Referrers(ctx, subject); err != nil || len(found) > 0 {
			t.Errorf("%v, %v", found, err)
		}
	}
	if len(shown.warned) != 1 || !strings.Contains(shown.warned[0], "only those referrers in "+f.host+"/org/x are found") {
		t.Errorf("warnings %q; want one", shown.warned)
	}
}

// A list has pages, and may have an entry twice.
func TestReferrersOfAllPages(t *testing.T) {
	pages := map[string][]string{"": {"a", "b"}, "2": {"b", "c"}, "3": {"c"}}
	f := newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		if !isReferrers(r) {
			return false
		}
		n := r.URL.Query().Get("page")
		if next := map[string]string{"": "2", "2": "3"}[n]; next != "" {
			w.Header().Set("Link", fmt.Sprintf(`<%s?page=%s>; rel="next"`, r.URL.Path, next))
		}
		list := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
		for _, c := range pages[n] {
			list.Manifests = append(list.Manifests, v1.Descriptor{Digest: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat(c, 64)}})
		}
		json.NewEncoder(w).Encode(list)
		return true
	})
	found, err := newClient(t).Referrers(t.Context(), pushSubject(t, f.host+"/org/x"))
	if err != nil || len(found) != 3 {
		t.Errorf("%v, %v; want three", digests(found), err)
	}
}

// A registry that has got the referrers API need not list what clients have listed under the tag.
func TestReferrersOfTheAPIAndOfTheTag(t *testing.T) {
	var listed atomic.Pointer[v1.IndexManifest]
	f := newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		list := listed.Load()
		if !isReferrers(r) || list == nil {
			return false
		}
		json.NewEncoder(w).Encode(list)
		return true
	})
	subject := pushSubject(t, f.host+"/org/x")
	a, b := newReferrer(t, subject, "a"), newReferrer(t, subject, "b")
	if err := newClient(t).PushReferrers(t.Context(), subject, a); err != nil {
		t.Fatal(err)
	}
	listed.Store(&v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{{Digest: digestOf(t, b)}}})
	wantReferrers(t, newClient(t), subject, a, b)
	f.forget()
	if err := newClient(t).PushReferrers(t.Context(), subject, b); err != nil || f.count("PUT /v2/org/x/manifests/sha256-") > 0 {
		t.Errorf("%v; a registry with the API got the tag", err)
	}
}

func TestAMirrorWithoutReferrers(t *testing.T) {
	mirror := newFront(t, imagetest.Registry(t), nil)
	host := imagetest.ReferrersRegistry(t)
	subject := pushSubject(t, host+"/org/x")
	image := newReferrer(t, subject, "a")
	if err := newClient(t).PushReferrers(t.Context(), subject, image); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, with(host, hosts.Setting{Mirrors: []string{"http://" + mirror.host}}))
	wantReferrers(t, c, subject, image)
	if mirror.count("GET /v2/org/x/referrers/") == 0 {
		t.Error("the mirror was not asked")
	}
}

// Clients that add referrers of one subject at the same time overwrite the index of one another.
func TestReferrersOfSeveralWriters(t *testing.T) {
	for kind, start := range map[string]func(testing.TB) string{
		"go-containerregistry": imagetest.Registry, "docker-registry": imagetest.DistributionRegistry, "distribution 3": imagetest.Distribution3Registry,
	} {
		t.Run(kind, func(t *testing.T) {
			subject := pushSubject(t, start(t)+"/org/x")
			const writers = 4
			made := make([]v1.Image, 2*writers)
			for i := range made {
				made[i] = newReferrer(t, subject, fmt.Sprint(i))
			}
			var group sync.WaitGroup
			for w := range writers {
				c := newClient(t)
				c.settle = minSettle
				// Two calls of one client, too.
				for _, image := range made[2*w : 2*w+2] {
					group.Go(func() {
						if err := c.PushReferrers(t.Context(), subject, image); err != nil {
							t.Error(err)
						}
					})
				}
			}
			group.Wait()
			wantReferrers(t, newClient(t), subject, made...)
		})
	}
}

// Another client writes the index that it has read before.
func TestAnOverwrittenIndexIsMergedAgain(t *testing.T) {
	var overwritten atomic.Bool
	f := newFront(t, imagetest.Registry(t), func(f *front, w http.ResponseWriter, r *http.Request, n int) bool {
		if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/manifests/sha256-") || overwritten.Swap(true) {
			return false
		}
		f.proxy.ServeHTTP(w, r)
		old, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), http.MethodPut, "http://"+f.registry+r.URL.Path, strings.NewReader(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`))
		if err != nil {
			t.Error(err)
			return true
		}
		old.Header.Set("Content-Type", string(types.OCIImageIndex))
		resp, err := http.DefaultClient.Do(old)
		if err != nil {
			t.Error(err)
			return true
		}
		resp.Body.Close()
		return true
	})
	subject := pushSubject(t, f.host+"/org/x")
	image := newReferrer(t, subject, "a")
	if err := newClient(t).PushReferrers(t.Context(), subject, image); err != nil {
		t.Fatal(err)
	}
	wantReferrers(t, newClient(t), subject, image)
}

func TestATagOfOtherContentIsNotOverwritten(t *testing.T) {
	host := imagetest.Registry(t)
	subject := pushSubject(t, host+"/org/x")
	tag := referrersTag(subject)
	imagetest.Push(t, tag.String(), imagetest.Image(t, "linux/amd64"))
	wantError(t, newClient(t).PushReferrers(t.Context(), subject, newReferrer(t, subject, "a")), tag.TagStr(), "not an index of referrers", "delete the tag")
	ctx, shown := watched(t)
	if found, err := newClient(t).Referrers(ctx, subject); err != nil || len(found) > 0 || !strings.Contains(strings.Join(shown.warned, "\n"), "not an index of referrers") {
		t.Errorf("%v, %v", found, err)
	}
}

// The index may list a manifest that was deleted. Docker's registry then refuses to store the index again.
func TestAnIndexWithDeletedReferrers(t *testing.T) {
	subject := pushSubject(t, imagetest.DistributionRegistry(t)+"/org/x")
	a, b := newReferrer(t, subject, "a"), newReferrer(t, subject, "b")
	if err := newClient(t).PushReferrers(t.Context(), subject, a); err != nil {
		t.Fatal(err)
	}
	if err := remote.Delete(subject.Context().Digest(digestOf(t, a).String())); err != nil {
		t.Fatal(err)
	}
	ctx, shown := watched(t)
	if err := newClient(t).PushReferrers(ctx, subject, b); err != nil {
		t.Fatal(err)
	}
	wantReferrers(t, newClient(t), subject, b)
	if said := strings.Join(shown.warned, "\n"); !strings.Contains(said, "no longer has") || !strings.Contains(said, digestOf(t, a).String()) {
		t.Errorf("the warning is %q", said)
	}
}

// A registry that has processed the subject may list the referrer a moment later. It needs no tag.
func TestAListOfReferrersThatLagsBehind(t *testing.T) {
	f := newFront(t, imagetest.ReferrersRegistry(t), func(_ *front, w http.ResponseWriter, r *http.Request, n int) bool {
		late := isReferrers(r) && n <= 3
		if late {
			io.WriteString(w, `{"schemaVersion":2,"manifests":[]}`)
		}
		return late
	})
	subject := pushSubject(t, f.host+"/org/x")
	image := newReferrer(t, subject, "a")
	ctx, shown := watched(t)
	if err := newClient(t).PushReferrers(ctx, subject, image); err != nil {
		t.Fatal(err)
	}
	if f.count("PUT /v2/org/x/manifests/sha256-") > 0 || len(shown.warned) > 0 {
		t.Errorf("%q; warnings %q", f.asked, shown.warned)
	}
	wantReferrers(t, newClient(t), subject, image)
}

// A token may end between an image and its signature, and at any request for the signature.
func TestATokenThatEndsBeforeTheSignature(t *testing.T) {
	subject := pushSubject(t, imagetest.Registry(t)+"/org/x")
	image := newReferrer(t, subject, "a")
	of := digestOf(t, image).String()
	for when, last := range map[string]func(r *http.Request) bool{
		"at its blobs":    isUpload,
		"at its manifest": func(r *http.Request) bool { return isManifest(r, http.MethodPut) && strings.HasSuffix(r.URL.Path, of) },
		"when it is read": func(r *http.Request) bool { return isGet(r, "manifests") && strings.HasSuffix(r.URL.Path, of) },
		"at the list":     isReferrers,
		"at the referrers tag": func(r *http.Request) bool {
			return isManifest(r, http.MethodPut) && strings.Contains(r.URL.Path, "/sha256-")
		},
	} {
		t.Run(when, func(t *testing.T) {
			registry := imagetest.Registry(t)
			pushSubject(t, registry+"/org/x")
			var ended atomic.Bool
			f := newTokens(t, registry, false, func(r *http.Request) bool { return last(r) && !ended.Swap(true) })
			at := func(host string) name.Digest { return parse(t, host+"/org/x@"+subject.DigestStr()).(name.Digest) }
			if err := newClient(t).PushReferrers(t.Context(), at(f.host), image); err != nil {
				t.Fatal(err)
			}
			if f.issued < 2 {
				t.Error("no token has ended")
			}
			wantReferrers(t, newClient(t), at(registry), image)
		})
	}
}
