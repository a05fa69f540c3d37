package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/carry"
	"github.com/slipway-build/slipway/images/imagetest"
)

// A proven archive has an image with three referrers, of which two have the type document, and with a signature under a
// tag of cosign.
type proven struct {
	image     v1.Hash
	referrers []v1.Descriptor // sorted
	tag       string
	signature v1.Hash
}

func packProven(t *testing.T, layers images.ArchiveLayers) (path string, p proven) {
	t.Helper()
	all := airgaptest.GzipImages(t)[:1]
	subject, err := partial.Descriptor(all[0].Image)
	if err != nil {
		t.Fatal(err)
	}
	p.image = subject.Digest
	p.tag = images.ReferrersTag(p.image) + ".sig"
	var attachments []carry.Attachment
	for i, kind := range []string{"document", "document", "sbom", "signature"} {
		artifact := mutate.ConfigMediaType(imagetest.Silent(t, imagetest.Layer(t, imagetest.Files{"text": fmt.Sprint(i)})), types.MediaType("application/vnd.example."+kind))
		a := carry.Attachment{Subject: p.image, Artifact: artifact, Tag: p.tag}
		if kind != "signature" {
			a.Artifact, a.Tag = mutate.Subject(artifact, *subject).(v1.Image), ""
		}
		raw, err := a.Artifact.RawManifest()
		if err != nil {
			t.Fatal(err)
		}
		if a.Descriptor, _, err = images.ReferrerOf(types.OCIManifestSchema1, raw); err != nil {
			t.Fatal(err)
		}
		attachments = append(attachments, a)
		if a.Tag == "" {
			p.referrers = append(p.referrers, a.Descriptor)
		} else {
			p.signature = a.Descriptor.Digest
		}
	}
	slices.SortFunc(p.referrers, func(a, b v1.Descriptor) int { return strings.Compare(a.Digest.String(), b.Digest.String()) })
	if all[0].Proof, err = carry.Documents(t.Context(), attachments, []v1.Hash{p.image}); err != nil {
		t.Fatal(err)
	}
	for codec, path := range airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{Layers: layers, Proof: &pack.Proof{}}) {
		if strings.Contains(fmt.Sprint(codec), "zst") {
			return path, p
		}
	}
	t.Fatal("no archive in zstd")
	return "", p
}

// repositoryOf returns the first repository of a server.
func repositoryOf(t *testing.T, host string) name.Repository {
	t.Helper()
	repos, err := remote.Catalog(t.Context(), parseRegistry(t, host))
	if err != nil || len(repos) == 0 {
		t.Fatalf("repositories %v, %v", repos, err)
	}
	return parseRegistry(t, host).Repo(repos[0])
}

func parseRegistry(t *testing.T, host string) name.Registry {
	t.Helper()
	r, err := name.NewRegistry(host)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func getReferrers(t *testing.T, repo name.Repository, digest v1.Hash, query string) (list v1.IndexManifest, header http.Header) {
	t.Helper()
	url := "http://" + repo.RegistryStr() + "/v2/" + repo.RepositoryStr() + "/referrers/" + digest.String() + query
	if strings.HasPrefix(query, "/v2/") {
		url = "http://" + repo.RegistryStr() + query
	}
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != string(types.OCIImageIndex) {
		t.Fatalf("%s: %s, %s\n%s", url, resp.Status, resp.Header.Get("Content-Type"), raw)
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	return list, resp.Header
}

// The server has what the proof of an archive has: by the referrers API with filter and pages, by the tag in its place,
// and under the tags of cosign.
func TestServeReferrers(t *testing.T) {
	path, p := packProven(t, images.OriginalLayers)
	repo := repositoryOf(t, serve(t, path))
	for _, c := range []struct {
		query string
		want  []v1.Descriptor
	}{{"", p.referrers}, {"?artifactType=application/vnd.example.none", nil}, {"?n=2", p.referrers[:2]}, {"?last=" + p.referrers[0].Digest.String(), p.referrers[1:]}} {
		list, header := getReferrers(t, repo, p.image, c.query)
		if fmt.Sprint(list.Manifests) != fmt.Sprint(append([]v1.Descriptor{}, c.want...)) || list.Manifests == nil {
			t.Errorf("%q: %v; want %v", c.query, list.Manifests, c.want)
		}
		if filtered := header.Get("OCI-Filters-Applied") == "artifactType"; filtered != strings.Contains(c.query, "artifactType") {
			t.Errorf("%q: filtered: %t", c.query, filtered)
		}
		if more := header.Get("Link") != ""; more != (c.query == "?n=2") {
			t.Errorf("%q: Link %q", c.query, header.Get("Link"))
		}
	}
	var paged []v1.Descriptor
	for query := "?n=1&artifactType=application/vnd.example.document"; query != ""; {
		list, header := getReferrers(t, repo, p.image, query)
		paged = append(paged, list.Manifests...)
		_, query, _ = strings.Cut(header.Get("Link"), "<")
		query, _, _ = strings.Cut(query, ">")
	}
	if len(paged) != 2 || slices.ContainsFunc(paged, func(d v1.Descriptor) bool { return d.ArtifactType != "application/vnd.example.document" }) {
		t.Errorf("pages of documents: %v", paged)
	}
	index, err := remote.Index(repo.Tag(images.ReferrersTag(p.image)))
	if err != nil {
		t.Fatal(err)
	}
	tagged, err := index.IndexManifest()
	if err != nil || fmt.Sprint(tagged.Manifests) != fmt.Sprint(p.referrers) {
		t.Errorf("the tag has %v, %v", tagged, err)
	}
	for _, d := range p.referrers {
		checkImage(t, repo.Digest(d.Digest.String()), d.Digest)
	}
	checkImage(t, repo.Tag(p.tag), p.signature)
	tags, err := remote.List(repo)
	if err != nil || !slices.Contains(tags, p.tag) || !slices.Contains(tags, images.ReferrersTag(p.image)) {
		t.Errorf("tags %v, %v", tags, err)
	}
}

// checkImage reads all of an image.
func checkImage(t *testing.T, ref name.Reference, want v1.Hash) {
	t.Helper()
	image, err := remote.Image(ref)
	if err == nil {
		err = validate.Image(image)
	}
	if err != nil {
		t.Errorf("%s: %v", ref, err)
		return
	}
	if got, err := image.Digest(); err != nil || got != want {
		t.Errorf("%s is %s, %v; want %s", ref, got, err, want)
	}
}

// With uncompressed layers, the manifest that a signature was made for is not served. The operator hears of it.
func TestServeSaysWhichReferrersDoNotFit(t *testing.T) {
	path, p := packProven(t, images.UncompressedLayers)
	a, err := airgap.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var log lineLog
	newServer(t, []*airgap.Archive{a}, Options{Dir: t.TempDir(), Limit: 1 << 30, Log: log.add})
	if text := strings.Join(log.lines, "\n"); !strings.Contains(text, p.image.String()) || !strings.Contains(text, "--layers original") {
		t.Errorf("the log is %q", text)
	}
}
