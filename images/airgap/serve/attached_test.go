package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
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
	"github.com/slipway-build/slipway/images/attest/proof"
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
	if all[0].Proof, err = carry.Documents(t.Context(), attachments, []v1.Hash{p.image}, carry.NewBudget(1<<30)); err != nil {
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

// packAttached returns an archive of an image with a document as a referrer, and with other documents as blobs.
func packAttached(t *testing.T, image pack.Image, referrer string, others []string, change func(w *airgaptest.Workshop)) string {
	t.Helper()
	image.Proof = append(image.Proof, proof.Attachment{Kind: proof.Referrer, MediaType: mediaTypeOf(t, referrer), Content: []byte(referrer)})
	for _, o := range others {
		image.Proof = append(image.Proof, proof.Attachment{Kind: proof.Blob, MediaType: mediaTypeOf(t, o), Content: []byte(o)})
	}
	path := filepath.Join(t.TempDir(), "attached.tar")
	if _, err := pack.Write(t.Context(), airgaptest.NewStore(t), []pack.Image{image}, []pack.Output{{Path: path}}, pack.Options{Layers: images.OriginalLayers, Proof: &pack.Proof{}}); err != nil {
		t.Fatal(err)
	}
	w := airgaptest.OpenWorkshop(t, path)
	change(w)
	return airgaptest.WriteFile(t, "changed.tar", w.Tar())
}

func mediaTypeOf(t *testing.T, document string) string {
	t.Helper()
	var m struct {
		MediaType string `json:"mediaType"`
	}
	if err := json.Unmarshal([]byte(document), &m); err != nil {
		t.Fatal(err)
	}
	return m.MediaType
}

// serveLogged serves archives, and returns the log.
func serveLogged(t *testing.T, paths ...string) (host string, log *lineLog) {
	t.Helper()
	var archives []*airgap.Archive
	for _, path := range paths {
		a, err := airgap.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		archives = append(archives, a)
	}
	log = &lineLog{}
	return listen(t, newServer(t, archives, Options{Dir: t.TempDir(), Limit: 1 << 30, Log: log.add})), log
}

func subjectOf(t *testing.T, image v1.Image) string {
	t.Helper()
	d, err := partial.Descriptor(image)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`"subject":{"mediaType":%q,"digest":%q,"size":%d}`, d.MediaType, d.Digest, d.Size)
}

// Each level of a hostile index lists the next one many times.
func TestServeHostileReferrers(t *testing.T) {
	for _, levels := range []int{carry.MaxNesting, 25} {
		image := airgaptest.Simple(t, "acme/app:v1", "linux/amd64")
		index := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
		var others []string
		for level := range levels {
			others = append(others, index)
			entry := fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:%s","size":%d}`, airgaptest.HexDigest([]byte(index)), len(index))
			index = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[` + strings.Repeat(entry+",", 99) + entry + "]"
			if level == levels-1 {
				index += "," + subjectOf(t, image.Image)
			}
			index += "}"
		}
		host, log := serveLogged(t, packAttached(t, image, index, others, func(*airgaptest.Workshop) {}))
		if text := strings.Join(log.lines, "\n"); strings.Contains(text, "indexes are nested more than 8 deep") != (levels > carry.MaxNesting) {
			t.Errorf("%d levels: the log is %q", levels, text)
		}
		digest, err := image.Image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		checkImage(t, repositoryOf(t, host).Tag("v1"), digest)
	}
}

// The proof of an archive lists a referrer without its layer, or with another content. The layer is that of an image in
// another archive.
func TestReferrersHideNoLayers(t *testing.T) {
	first, second := airgaptest.Simple(t, "acme/app:v1", "linux/amd64"), airgaptest.Simple(t, "acme/app:v2", "linux/amd64")
	m, err := second.Image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := second.Image.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := second.Image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	layer, config := m.Layers[0], proof.ItemFile(m.Config.Digest)
	artifact := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":%d},"layers":[{"mediaType":%q,"digest":%q,"size":%d}],%s}`,
		m.Config.Digest, m.Config.Size, layer.MediaType, layer.Digest, layer.Size, subjectOf(t, first.Image))
	index := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":%q,"digest":%q,"size":%d}],%s}`,
		m.MediaType, digest, len(raw), subjectOf(t, first.Image))
	for _, c := range []struct {
		what, referrer string
		others         []string
		file           []byte
		logged         string
	}{
		{"a missing layer", artifact, nil, nil, "is not served"},
		{"a short layer", artifact, nil, []byte("short"), "instead of"},
		{"another layer", artifact, nil, make([]byte, layer.Size), ""},
		{"an index of the image", index, []string{string(raw)}, make([]byte, layer.Size), ""},
	} {
		bad := packAttached(t, first, c.referrer, c.others, func(w *airgaptest.Workshop) {
			w.Set(config, make([]byte, m.Config.Size))
			if c.file != nil {
				w.Set(proof.ItemFile(layer.Digest), c.file)
			}
		})
		good := filepath.Join(t.TempDir(), "good.tar")
		if _, err := pack.Write(t.Context(), airgaptest.NewStore(t), []pack.Image{second}, []pack.Output{{Path: good}}, pack.Options{Layers: images.OriginalLayers}); err != nil {
			t.Fatal(err)
		}
		host, log := serveLogged(t, bad, good)
		if text := strings.Join(log.lines, "\n"); !strings.Contains(text, c.logged) || c.logged == "" && text != "" {
			t.Errorf("%s: the log is %q", c.what, text)
		}
		checkImage(t, repositoryOf(t, host).Tag("v2"), digest)
		if d, err := first.Image.Digest(); err != nil {
			t.Error(err)
		} else {
			checkImage(t, repositoryOf(t, host).Tag("v1"), d)
		}
	}
}

// One of two referrers in the proof of an archive is damaged.
func TestDamagedReferrersDoNotHideOthers(t *testing.T) {
	image := airgaptest.Simple(t, "acme/app:v1", "linux/amd64")
	documentOf := func(text string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"text":%q},%s}`, text, subjectOf(t, image.Image))
	}
	damaged, good := documentOf("damaged"), documentOf("good")
	image.Proof = []proof.Attachment{{Kind: proof.Referrer, MediaType: mediaTypeOf(t, good), Content: []byte(good)}}
	file := proof.ItemFolder + airgaptest.HexDigest([]byte(damaged))
	host, log := serveLogged(t, packAttached(t, image, damaged, nil, func(w *airgaptest.Workshop) { w.Set(file, []byte("{}")) }))
	subject, err := image.Image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	list, _ := getReferrers(t, repositoryOf(t, host), subject, "")
	if len(list.Manifests) != 1 || list.Manifests[0].Digest.Hex != airgaptest.HexDigest([]byte(good)) {
		t.Errorf("the referrers are %v", list.Manifests)
	}
	if text := strings.Join(log.lines, "\n"); !strings.Contains(text, "referrer sha256:"+airgaptest.HexDigest([]byte(damaged))) {
		t.Errorf("the log is %q", text)
	}
}

// A referrer of an image in one repository has the layer of an image in another repository: the archive has two files
// with the digest.
func TestReferrersShareLayers(t *testing.T) {
	first, second := airgaptest.Simple(t, "acme/app:v1", "linux/amd64"), airgaptest.Simple(t, "acme/other:v1", "linux/amd64")
	layers, err := second.Image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	referrer := mutate.ConfigMediaType(imagetest.Silent(t, layers...), "application/vnd.example.document")
	subject, err := partial.Descriptor(first.Image)
	if err != nil {
		t.Fatal(err)
	}
	a := carry.Attachment{Subject: subject.Digest, Artifact: mutate.Subject(referrer, *subject).(v1.Image)}
	if first.Proof, err = carry.Documents(t.Context(), []carry.Attachment{a}, []v1.Hash{subject.Digest}, carry.NewBudget(1<<30)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "shared.tar.zst")
	if _, err := pack.Write(t.Context(), airgaptest.NewStore(t), []pack.Image{first, second}, []pack.Output{{Path: path}}, pack.Options{Layers: images.OriginalLayers, Proof: &pack.Proof{}}); err != nil {
		t.Fatal(err)
	}
	host, _ := serveLogged(t, path)
	for repo, artifact := range map[string]images.Artifact{"acme/app": a.Artifact, "acme/other": second.Image} {
		raw, err := artifact.RawManifest()
		if err != nil {
			t.Fatal(err)
		}
		digest := v1.Hash{Algorithm: "sha256", Hex: airgaptest.HexDigest(raw)}
		checkImage(t, parseRegistry(t, host).Repo(repo).Digest(digest.String()), digest)
	}
}
