package workbench

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/imagetest"
)

// referrersRegistry starts a registry with the referrers API, and counts the requests that send something.
func referrersRegistry(t *testing.T, sent *atomic.Int64) string {
	t.Helper()
	inner := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			sent.Add(1)
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func openForCopy(t *testing.T) *Workbench { return openFor(t) }

// openFor opens a workbench for platforms.
func openFor(t *testing.T, platforms ...string) *Workbench {
	t.Helper()
	var of []v1.Platform
	for _, p := range platforms {
		of = append(of, imagetest.Platform(t, p))
	}
	w, err := Open(Options{Cache: t.TempDir(), Jobs: 2, Platforms: of, Getenv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// signed pushes an index with a Windows image to ref. One referrer refers to the index, another to that referrer, and a
// tag of cosign to one of its images. It returns the digests of the three.
func signed(t *testing.T, repo string) (index v1.Hash, referrers [2]v1.Hash, cosign string) {
	t.Helper()
	amd := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/app": "amd64"}))
	content := imagetest.Index(t, amd, imagetest.Image(t, "windows/amd64:10.0.20348.1", imagetest.Layer(t, imagetest.Files{"bin/app.exe": "windows"})))
	imagetest.Push(t, repo+":v1", content)
	var subject partial.Describable = content
	for i, kind := range []string{"application/vnd.example.sbom", "application/vnd.example.signature"} {
		d, err := partial.Descriptor(subject)
		if err != nil {
			t.Fatal(err)
		}
		image := mutate.Subject(mutate.ConfigMediaType(imagetest.Silent(t, imagetest.Layer(t, imagetest.Files{"document": kind})), types.MediaType(kind)), *d).(v1.Image)
		if referrers[i], err = image.Digest(); err != nil {
			t.Fatal(err)
		}
		imagetest.Push(t, repo+"@"+referrers[i].String(), image)
		subject = image
	}
	child, err := amd.Digest()
	if err != nil {
		t.Fatal(err)
	}
	cosign = "sha256-" + child.Hex + ".sig"
	imagetest.Push(t, repo+":"+cosign, imagetest.Silent(t, imagetest.Layer(t, imagetest.Files{"signature": "of amd64"})))
	if index, err = content.Digest(); err != nil {
		t.Fatal(err)
	}
	return index, referrers, cosign
}

func TestCopyTakesSignaturesAndReferrers(t *testing.T) {
	var sent atomic.Int64
	kinds := map[string]func(*testing.T) string{
		"with the referrers API": func(t *testing.T) string { return referrersRegistry(t, &sent) },
		"with tags alone":        func(t *testing.T) string { return imagetest.DistributionRegistry(t) },
	}
	for fromKind, from := range kinds {
		for toKind, to := range kinds {
			t.Run("from a registry "+fromKind+" to one "+toKind, func(t *testing.T) {
				source, target := from(t), to(t)
				index, referrers, cosign := signed(t, source+"/acme/app")
				job := CopyJob{Images: []PackSource{{Ref: source + "/acme/app:v1"}}, To: target + "/mirror"}
				got, err := openForCopy(t).Copy(t.Context(), job)
				if err != nil {
					t.Fatal(err)
				}
				copied := target + "/mirror/acme/app"
				want := []Copied{{source + "/acme/app:v1", copied + ":v1", index, false,
					[]string{copied + "@" + referrers[0].String(), copied + "@" + referrers[1].String(), copied + ":" + cosign}}}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				// Another client finds everything at the target.
				w := openForCopy(t)
				for n, subject := range []v1.Hash{index, referrers[0]} {
					ref, err := name.NewDigest(copied + "@" + subject.String())
					if err != nil {
						t.Fatal(err)
					}
					found, err := w.Registry.Referrers(t.Context(), ref)
					if err != nil || len(found) != 1 || found[0].Digest != referrers[n] {
						t.Errorf("referrers of %s: %v, %v; want %s", subject, found, err, referrers[n])
					}
				}
				for _, platform := range []string{"linux/amd64", "windows/amd64"} {
					image, err := w.Registry.Image(t.Context(), copied+":v1", imagetest.Platform(t, platform))
					if err != nil {
						t.Fatal(err)
					}
					layers, err := image.Layers()
					if err != nil {
						t.Fatal(err)
					}
					r, err := layers[0].Uncompressed()
					if err != nil {
						t.Fatal(err)
					}
					r.Close()
				}
				// A second copy sends nothing.
				sent.Store(0)
				job.NoClobber = true
				if got, err = openForCopy(t).Copy(t.Context(), job); err != nil || !got[0].Present || len(got[0].Attached) != 3 {
					t.Errorf("the second copy: %+v, %v", got, err)
				}
				if n := sent.Load(); n > 0 {
					t.Errorf("the second copy has sent %d requests", n)
				}
			})
		}
	}
}

func TestCopyTriesRegistriesInOrder(t *testing.T) {
	first, second, target := imagetest.Registry(t), imagetest.Registry(t), imagetest.Registry(t)
	image := func(text string) v1.Image {
		return imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"text": text}))
	}
	imagetest.Push(t, first+"/staging/rancher/a:v1", image("the first"))
	imagetest.Push(t, second+"/rancher/a:v1", image("the second"))
	pinned := imagetest.Push(t, second+"/rancher/b:v1", image("b"))
	_, digest, _ := strings.Cut(pinned, "@")
	got, err := openForCopy(t).Copy(t.Context(), CopyJob{
		Images: []PackSource{{Ref: "docker.io/rancher/a:v1"}, {Ref: "quay.io/rancher/a:v1"}, {Ref: "rancher/b@" + digest}, {Ref: "rancher/b:v1@" + digest}},
		From:   []string{first + "/staging", second}, To: target,
	})
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for _, c := range got {
		pairs = append(pairs, c.Source+" "+c.Ref)
	}
	if diff := cmp.Diff([]string{
		first + "/staging/rancher/a:v1 " + target + "/rancher/a:v1",
		second + "/rancher/b@" + digest + " " + target + "/rancher/b@" + digest,
		second + "/rancher/b@" + digest + " " + target + "/rancher/b:v1",
	}, pairs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCopyReportsMistakesBeforeAnythingIsSent(t *testing.T) {
	var sent atomic.Int64
	source, other, target := imagetest.Registry(t), imagetest.Registry(t), referrersRegistry(t, &sent)
	for _, ref := range []string{source + "/acme/a:v1", source + "/acme/b:v1", other + "/acme/a:v1", target + "/acme/b:v1"} {
		imagetest.Push(t, ref, imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"text": ref})))
	}
	a, b, twin := PackSource{source + "/acme/a:v1", "list.txt:1"}, PackSource{source + "/acme/b:v1", "list.txt:2"}, PackSource{other + "/acme/a:v1", "list.txt:3"}
	for _, c := range []struct {
		name string
		job  CopyJob
		want []string
	}{
		{"all missing images together", CopyJob{Images: []PackSource{{source + "/acme/x:v1", "list.txt:7"}, a, {source + "/acme/y:v1", "list.txt:9"}}, To: target},
			[]string{"list.txt:7: ", "/acme/x:v1", "list.txt:9: ", "/acme/y:v1"}},
		{"two images for one target", CopyJob{Images: []PackSource{a, twin}, To: target},
			[]string{"list.txt:3: " + target + "/acme/a:v1 would be two images: " + source + "/acme/a:v1", other + "/acme/a:v1", "--keep-registry"}},
		{"a tag that exists", CopyJob{Images: []PackSource{a, b}, To: target, NoClobber: true},
			[]string{"list.txt:2: " + target + "/acme/b:v1 exists with digest sha256:", "copy without --no-clobber"}},
		{"a tag for several images", CopyJob{Images: []PackSource{a, b}, To: target + "/acme/c:v1"}, []string{"has a tag"}},
		{"all missing in every registry", CopyJob{Images: []PackSource{{"acme/x:v1", "list.txt:4"}}, From: []string{source, other}, To: target},
			[]string{"list.txt:4: ", source + "/acme/x:v1", other + "/acme/x:v1"}},
		{"no images", CopyJob{To: target}, []string{"no images to copy"}},
		{"a target with a scheme", CopyJob{Images: []PackSource{a}, To: "https://" + target}, []string{"without a scheme"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sent.Store(0)
			_, err := openForCopy(t).Copy(t.Context(), c.job)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not contain %q", err, want)
				}
			}
			if n := sent.Load(); n > 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
	if got, err := openForCopy(t).Copy(t.Context(), CopyJob{Images: []PackSource{a}, To: target + "/acme/c:v2"}); err != nil || got[0].Ref != target+"/acme/c:v2" {
		t.Errorf("copying to a tag: %+v, %v", got, err)
	}
	if got, err := openForCopy(t).Copy(t.Context(), CopyJob{Images: []PackSource{a, twin}, To: target, KeepRegistry: true}); err != nil || len(got) != 2 {
		t.Errorf("copying with registries: %+v, %v", got, err)
	}
}

// A failure is an error, but does not stop the other copies.
func TestCopyGoesOnAfterAFailure(t *testing.T) {
	source := imagetest.Registry(t)
	imagetest.Push(t, source+"/acme/a:v1", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"text": "a"})))
	imagetest.Push(t, source+"/acme/b:v1", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"text": "b"})))
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/acme/a/manifests/") {
			http.Error(w, `{"errors":[{"code":"DENIED","message":"immutable"}]}`, http.StatusForbidden)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	defer server.Close()
	target := strings.TrimPrefix(server.URL, "http://")
	got, err := openForCopy(t).Copy(t.Context(), CopyJob{Images: []PackSource{{source + "/acme/a:v1", "list.txt:1"}, {source + "/acme/b:v1", "list.txt:2"}}, To: target})
	if err == nil || !strings.HasPrefix(err.Error(), "list.txt:1: copying "+source+"/acme/a:v1: ") || len(got) != 1 || got[0].Ref != target+"/acme/b:v1" {
		t.Errorf("%+v, %v", got, err)
	}
}
