package airgap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// ServeHTTP answers a request (OCI distribution-spec, "Endpoints").
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Docker's client asks for nothing else of a registry without it.
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "these archives are served for reading alone")
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/v2/")
	switch {
	case r.URL.Path == "/v2" || ok && path == "":
		answer(w, r, struct{}{})
		return
	case !ok:
		refuse(w, http.StatusNotFound, "UNSUPPORTED", "this registry serves /v2/ alone")
		return
	case path == "_catalog":
		s.serveCatalog(w, r)
		return
	}
	name, kind, reference, ok := splitEndpoint(path)
	if !ok {
		refuse(w, http.StatusNotFound, "UNSUPPORTED", "this registry serves manifests, blobs and lists of tags alone")
		return
	}
	if host := r.URL.Query().Get("ns"); host != "" {
		name = host + "/" + name // and no other host's image of that name
	}
	repo := s.repositories[name]
	if repo == nil {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", fmt.Sprintf("no archive has images called %s", name))
		return
	}
	switch kind {
	case "tags":
		repo.serveTags(w, r, name)
	case "manifests":
		repo.serveManifest(w, r, reference)
	case "blobs":
		repo.serveBlob(w, r, reference)
	}
}

// splitEndpoint splits NAME/manifests/REFERENCE and its like. Names may have
// slashes, references have none.
func splitEndpoint(path string) (name, kind, reference string, ok bool) {
	rest, reference, _ := cutLast(path)
	name, kind, ok = cutLast(rest)
	switch {
	case !ok || name == "" || reference == "":
		return "", "", "", false
	case kind == "tags":
		return name, kind, "", reference == "list"
	}
	return name, kind, reference, kind == "manifests" || kind == "blobs"
}

func cutLast(path string) (before, after string, found bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// refuse answers with an error (OCI distribution-spec, "Error Codes").
func refuse(w http.ResponseWriter, status int, code, message string) {
	type failure struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// That the client went away is nothing to tell it.
	_ = json.NewEncoder(w).Encode(map[string][]failure{"errors": {{code, message}}})
}

// answer answers with JSON.
func answer(w http.ResponseWriter, r *http.Request, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	send(w, r, raw)
}

func send(w http.ResponseWriter, r *http.Request, raw []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(raw)
	}
}

func (s *server) serveCatalog(w http.ResponseWriter, r *http.Request) {
	if names, ok := page(w, r, s.catalog); ok {
		answer(w, r, map[string][]string{"repositories": names})
	}
}

func (repo *repository) serveTags(w http.ResponseWriter, r *http.Request, name string) {
	if tags, ok := page(w, r, slices.Sorted(maps.Keys(repo.tags))); ok {
		answer(w, r, struct {
			Name string   `json:"name"`
			Tags []string `json:"tags"`
		}{name, tags})
	}
}

// page is the part of a sorted list that a request is for, with a link to the next
// one (OCI distribution-spec, "Listing Tags"). It answers wrong requests itself.
func page(w http.ResponseWriter, r *http.Request, all []string) ([]string, bool) {
	query := r.URL.Query()
	if last := query.Get("last"); last != "" {
		i, found := slices.BinarySearch(all, last)
		if found {
			i++
		}
		all = all[i:]
	}
	text := query.Get("n")
	if text == "" {
		return append([]string{}, all...), true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		refuse(w, http.StatusBadRequest, "PAGINATION_NUMBER_INVALID", fmt.Sprintf("n is %q, and should be how many are wanted", text))
		return nil, false
	}
	if n == 0 || n >= len(all) {
		return append([]string{}, all[:min(n, len(all))]...), true
	}
	query.Set("last", all[n-1])
	next := url.URL{Path: r.URL.Path, RawQuery: query.Encode()}
	w.Header().Set("Link", fmt.Sprintf(`<%s>; rel="next"`, next.String()))
	return all[:n], true
}

func (repo *repository) serveManifest(w http.ResponseWriter, r *http.Request, reference string) {
	d := repo.tags[reference]
	if strings.Contains(reference, ":") {
		if !validDigest(w, reference) {
			return
		}
		d = repo.manifests[reference]
	}
	if d == nil {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", fmt.Sprintf("%s has no %s; it has the tags %s",
			repo.name, reference, strings.Join(slices.Sorted(maps.Keys(repo.tags)), ", ")))
		return
	}
	w.Header().Set("Content-Type", string(d.mediaType))
	identify(w, d.digest.String())
	send(w, r, d.raw)
}

func validDigest(w http.ResponseWriter, s string) bool {
	if _, err := v1.NewHash(s); err != nil {
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID", fmt.Sprintf("%q is no digest: %v", s, err))
		return false
	}
	return true
}

// identify says by headers what the content is. By the ETag a download that broke
// off knows that it may go on.
func identify(w http.ResponseWriter, digest string) {
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Etag", `"`+digest+`"`)
}

func (repo *repository) serveBlob(w http.ResponseWriter, r *http.Request, digest string) {
	if !validDigest(w, digest) {
		return
	}
	b := repo.blobs[digest]
	if b == nil {
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN", fmt.Sprintf("%s has no blob %s", repo.name, digest))
		return
	}
	content, err := b.open(r.Context())
	if err != nil {
		refuse(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	defer content.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	identify(w, digest)
	// A client that got less than Content-Length, since the archive is damaged,
	// notices; one that got other bytes, by their digest.
	http.ServeContent(w, r, "", time.Time{}, content)
}

// open opens a blob. One that is not there is known before the first byte is sent.
func (b *blob) open(ctx context.Context) (io.ReadSeekCloser, error) {
	if b.archive == nil {
		return struct {
			io.ReadSeeker
			io.Closer
		}{bytes.NewReader(b.raw), io.NopCloser(nil)}, nil
	}
	m, err := b.archive.lookup(ctx, b.file)
	if err != nil {
		return nil, err
	}
	if m.Size != b.size {
		return nil, b.archive.wrap(fmt.Errorf("layer %s has %d bytes instead of %d", m.Name, m.Size, b.size))
	}
	return &seekingReader{ctx: ctx, archive: b.archive, member: m}, nil
}

// A seekingReader reads a file of an archive from where it was told to. It lives
// as long as a request, whose context it keeps.
type seekingReader struct {
	ctx     context.Context
	archive *Archive
	member  member
	pos     int64
	r       io.ReadCloser // from pos on; nil until it is read
}

func (s *seekingReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.pos
	case io.SeekEnd:
		offset += s.member.Size
	}
	if offset < 0 || offset > s.member.Size {
		return 0, errors.New("there is no such place in the file")
	}
	if offset == s.pos {
		return offset, nil
	}
	s.pos = offset
	return offset, s.Close()
}

func (s *seekingReader) Read(p []byte) (n int, err error) {
	if s.r == nil {
		if s.r, err = s.archive.openAt(s.ctx, s.member, s.pos); err != nil {
			return 0, err
		}
	}
	n, err = s.r.Read(p)
	s.pos += int64(n)
	return n, err
}

func (s *seekingReader) Close() error {
	if s.r == nil {
		return nil
	}
	err := s.r.Close()
	s.r = nil
	return err
}
