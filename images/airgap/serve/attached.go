package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/attest/carry"
	"github.com/slipway-build/slipway/images/attest/proof"
)

// attach adds the attachments that the proof of an archive lists for an image. An attachment that cannot be read is
// logged, and is not served.
func (r *repository) attach(ctx context.Context, a *airgap.Archive, attachments []carry.Attachment, log func(string)) {
	adder := &contentAdder{repository: r, ctx: ctx, archive: a, known: map[v1.Hash]error{}}
	for _, attached := range attachments {
		if err := adder.add(attached.Artifact, 0); err != nil {
			log(a.Wrap(fmt.Errorf("%s, which is attached to %s, is not served: %w", attached.Descriptor.Digest, attached.Subject, err)).Error())
			continue
		}
		if attached.Tag == "" {
			r.referrers[attached.Subject] = append(r.referrers[attached.Subject], attached.Descriptor)
			continue
		}
		d := r.manifests[attached.Descriptor.Digest.String()]
		switch other := r.tags[attached.Tag]; {
		case other == nil:
			r.tags[attached.Tag] = d
		case other.digest != d.digest:
			log(fmt.Sprintf("%s:%s is %s in %s, and %s in another archive, which is served", r.name, attached.Tag, d.digest, a.Path(), other.digest))
		}
	}
}

// A contentAdder adds the content of attachments in an archive to a repository.
type contentAdder struct {
	*repository
	ctx     context.Context // of New
	archive *airgap.Archive
	// known has the error, or nil, of each manifest that was read: a hostile index may list one entry thousands of
	// times.
	known map[v1.Hash]error
}

// add adds the manifest of an artifact, after all that it lists.
func (c *contentAdder) add(artifact images.Artifact, depth int) error {
	if depth > carry.MaxNesting {
		return fmt.Errorf("indexes are nested more than %d deep", carry.MaxNesting)
	}
	raw, err := artifact.RawManifest()
	if err != nil {
		return err
	}
	mediaType, err := artifact.MediaType()
	if err != nil {
		return err
	}
	d, _, err := images.ReferrerOf(mediaType, raw)
	if err != nil {
		return err
	}
	switch artifact := artifact.(type) {
	case v1.ImageIndex:
		err = c.addEntries(artifact, depth)
	case v1.Image:
		err = c.addBlobs(artifact)
	}
	c.known[d.Digest] = err
	if err == nil && c.manifests[d.Digest.String()] == nil {
		c.manifests[d.Digest.String()] = &document{mediaType: mediaType, digest: d.Digest, raw: raw, attached: true}
	}
	return err
}

func (c *contentAdder) addEntries(index v1.ImageIndex, depth int) error {
	m, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, entry := range m.Manifests {
		if err, ok := c.known[entry.Digest]; ok {
			if err != nil {
				return err
			}
			continue
		}
		child, err := carry.Child(index, entry)
		if err == nil {
			err = c.add(child, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *contentAdder) addBlobs(image v1.Image) error {
	m, err := image.Manifest()
	if err != nil {
		return err
	}
	blobs := append(m.Layers, m.Config)
	for _, b := range blobs {
		f, err := c.archive.File(c.ctx, proof.ItemFile(b.Digest))
		if err != nil {
			return err
		}
		if f.Size() != b.Size {
			return fmt.Errorf("blob %s has %d bytes instead of %d", b.Digest, f.Size(), b.Size)
		}
	}
	for _, b := range blobs {
		if digest := b.Digest.String(); c.blobs[digest] == nil {
			c.blobs[digest] = &blob{size: b.Size, digest: b.Digest, archive: c.archive, file: proof.ItemFile(b.Digest)}
		}
	}
	return nil
}

// finishAttached sorts the list of referrers of each subject, removes duplicates, and makes an index of it, for the
// referrers tag: clients that do not use the referrers API read that (distribution-spec, "Referrers Tag Schema").
func (r *repository) finishAttached() error {
	for subject, list := range r.referrers {
		slices.SortFunc(list, func(a, b v1.Descriptor) int { return strings.Compare(a.Digest.String(), b.Digest.String()) })
		list = slices.CompactFunc(list, func(a, b v1.Descriptor) bool { return a.Digest == b.Digest })
		r.referrers[subject] = list
		raw, err := json.Marshal(referrersIndex(list))
		if err != nil {
			return err
		}
		d, _, err := images.ReferrerOf(types.OCIImageIndex, raw)
		if err != nil {
			return err
		}
		index := &document{mediaType: types.OCIImageIndex, digest: d.Digest, raw: raw}
		r.tags[images.ReferrersTag(subject)], r.manifests[d.Digest.String()] = index, index
	}
	return nil
}

func referrersIndex(list []v1.Descriptor) v1.IndexManifest {
	return v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: append([]v1.Descriptor{}, list...)}
}

// maxReferrersPage limits the size of a page of referrers, in bytes: clients need not read more of a manifest.
const maxReferrersPage = 4_000_000

// serveReferrers answers with the referrers of a subject that the proofs of archives have (distribution-spec, "Listing
// Referrers"). n limits the number of referrers on a page.
func (r *repository) serveReferrers(w http.ResponseWriter, req *http.Request, digest string) {
	if !validDigest(w, digest) {
		return
	}
	// A digest of another algorithm than SHA-256 has no referrers.
	subject, _ := v1.NewHash(digest)
	query := req.URL.Query()
	list := r.referrers[subject]
	if wanted := query.Get("artifactType"); wanted != "" {
		w.Header().Set("OCI-Filters-Applied", "artifactType")
		list = slices.DeleteFunc(slices.Clone(list), func(d v1.Descriptor) bool { return d.ArtifactType != wanted })
	}
	if last := query.Get("last"); last != "" {
		list = list[sortedAfter(list, last):]
	}
	most := len(list)
	if text := query.Get("n"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			refuse(w, http.StatusBadRequest, "PAGINATION_NUMBER_INVALID", "n is not a number of entries")
			return
		}
		most = min(n, most)
	}
	shown, size := 0, 0
	for ; shown < most; shown++ {
		raw, err := json.Marshal(list[shown])
		if size += len(raw) + 1; err != nil || shown > 0 && size > maxReferrersPage {
			break
		}
	}
	if shown > 0 && shown < len(list) {
		query.Set("last", list[shown-1].Digest.String())
		next := url.URL{Path: req.URL.Path, RawQuery: query.Encode()}
		w.Header().Set("Link", fmt.Sprintf(`<%s>; rel="next"`, next.String()))
	}
	answer(w, req, types.OCIImageIndex, referrersIndex(list[:shown]))
}

// sortedAfter returns the number of referrers up to a digest.
func sortedAfter(list []v1.Descriptor, digest string) int {
	i, found := slices.BinarySearchFunc(list, digest, func(d v1.Descriptor, digest string) int { return strings.Compare(d.Digest.String(), digest) })
	if found {
		i++
	}
	return i
}

// readAttached returns what is attached to the images of an archive. What cannot be read is logged, and is not served.
func (s *Server) readAttached(ctx context.Context, a *airgap.Archive) map[v1.Hash][]carry.Attachment {
	attached, err := carry.ReadProof(ctx, a.ReadFile)
	if err != nil {
		s.log(a.Wrap(fmt.Errorf("signatures or other referrers are not served: %w", err)).Error())
	}
	return attached
}

// logUnfit logs the subjects that are not served, because their manifests were rewritten.
func (r *repository) logUnfit(log func(string)) {
	subjects := slices.Collect(maps.Keys(r.referrers))
	for tag := range r.tags {
		if h, ok := carry.TagSubject(tag); ok {
			subjects = append(subjects, h)
		}
	}
	missing := map[string]bool{}
	for _, h := range subjects {
		if r.manifests[h.String()] == nil {
			missing[h.String()] = true
		}
	}
	if len(missing) > 0 {
		log(fmt.Sprintf("%s has signatures or other referrers of manifests that are not served: %s; archives with uncompressed layers have other manifests, so pack with --layers original",
			r.name, strings.Join(slices.Sorted(maps.Keys(missing)), ", ")))
	}
}
