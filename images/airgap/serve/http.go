package serve

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// ServeHTTP implements http.Handler (OCI distribution-spec, "Endpoints").
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Docker's client requires it.
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if r.ContentLength != 0 {
		// Requests do not need a body. Do not wait for one.
		w.Header().Set("Connection", "close")
		_ = http.NewResponseController(w).SetReadDeadline(time.Now())
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "this registry is read-only")
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/v2/")
	switch {
	case r.URL.Path == "/v2" || ok && path == "":
		answer(w, r, "application/json", struct{}{})
		return
	case !ok:
		refuse(w, http.StatusNotFound, "UNSUPPORTED", "this registry serves /v2/ only")
		return
	case path == "_catalog":
		s.serveCatalog(w, r)
		return
	}
	name, kind, reference, ok := splitEndpoint(path)
	if !ok {
		refuse(w, http.StatusNotFound, "UNSUPPORTED", "this registry serves manifests, blobs, referrers and lists of tags only")
		return
	}
	if host := r.URL.Query().Get("ns"); host != "" {
		name = host + "/" + name
	}
	repo := s.repositories[name]
	if repo == nil {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "no archive has images of this name")
		return
	}
	switch kind {
	case "tags":
		repo.serveTags(w, r, name)
	case "manifests":
		repo.serveManifest(w, r, reference)
	case "blobs":
		s.serveBlob(w, r, repo, reference)
	case "referrers":
		repo.serveReferrers(w, r, reference)
	}
}

// splitEndpoint splits a path such as NAME/manifests/REFERENCE. Names may contain slashes.
func splitEndpoint(path string) (name, kind, reference string, ok bool) {
	rest, reference, _ := cutLast(path)
	name, kind, ok = cutLast(rest)
	switch {
	case !ok || name == "" || reference == "":
		return "", "", "", false
	case kind == "tags":
		return name, kind, "", reference == "list"
	}
	return name, kind, reference, kind == "manifests" || kind == "blobs" || kind == "referrers"
}

func cutLast(path string) (before, after string, found bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// refuse responds with an error (OCI distribution-spec, "Error Codes").
func refuse(w http.ResponseWriter, status int, code, message string) {
	type failure struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error means that the client has closed the connection.
	_ = json.NewEncoder(w).Encode(map[string][]failure{"errors": {{code, message}}})
}

// answer responds with v as JSON.
func answer(w http.ResponseWriter, r *http.Request, mediaType types.MediaType, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "UNKNOWN", "the answer cannot be written as JSON")
		return
	}
	w.Header().Set("Content-Type", string(mediaType))
	send(w, r, raw)
}

func send(w http.ResponseWriter, r *http.Request, raw []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(raw)
	}
}

func (s *Server) serveCatalog(w http.ResponseWriter, r *http.Request) {
	if names, ok := page(w, r, s.catalog); ok {
		answer(w, r, "application/json", map[string][]string{"repositories": names})
	}
}

func (repo *repository) serveTags(w http.ResponseWriter, r *http.Request, name string) {
	if tags, ok := page(w, r, slices.Sorted(maps.Keys(repo.tags))); ok {
		answer(w, r, "application/json", struct {
			Name string   `json:"name"`
			Tags []string `json:"tags"`
		}{name, tags})
	}
}

// page returns the requested part of a sorted list, and sets the link to the next part (OCI distribution-spec, "Listing
// Tags"). If the request is invalid, page responds with an error and returns false.
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
		refuse(w, http.StatusBadRequest, "PAGINATION_NUMBER_INVALID", "n is not a number of entries")
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

// tagsInMessage is the number of tags that a message lists.
const tagsInMessage = 10

func (repo *repository) serveManifest(w http.ResponseWriter, r *http.Request, reference string) {
	d := repo.tags[reference]
	if strings.Contains(reference, ":") {
		if !validDigest(w, reference) {
			return
		}
		d = repo.manifests[reference].served()
	} else if d != nil && d.served() == nil {
		d = d.instead
	}
	if d == nil {
		tags := slices.Sorted(maps.Keys(repo.tags))
		if len(tags) > tagsInMessage {
			tags = append(tags[:tagsInMessage], "…")
		}
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", fmt.Sprintf("%s does not have it; its tags are %s", repo.name, strings.Join(tags, ", ")))
		return
	}
	w.Header().Set("Content-Type", string(d.mediaType))
	identify(w, d.digest.String())
	send(w, r, d.raw)
}

// digestSyntax matches digests of the registered algorithms (OCI image-spec, "Digests").
var digestSyntax = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}|blake3:[0-9a-f]{64})$`)

func validDigest(w http.ResponseWriter, s string) bool {
	if !digestSyntax.MatchString(s) {
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID", "not a digest: want sha256: or sha512: and hexadecimal digits")
		return false
	}
	return true
}

// identify sets the headers with the digest. With the ETag, a client can resume a download.
func identify(w http.ResponseWriter, digest string) {
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Etag", `"`+digest+`"`)
}
