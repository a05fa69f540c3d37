package githubtest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// storage is the path of the server that downloads are redirected to. It needs a signature in place of a token.
const storage = "/storage/"

func (f *Server) releaseByTag(w http.ResponseWriter, tag string) {
	for _, release := range f.Releases {
		if release.Tag == tag && !release.Draft {
			f.answer(w, http.StatusOK, release)
			return
		}
	}
	f.refuse(w, http.StatusNotFound, "Not Found")
}

func (f *Server) downloadAsset(w http.ResponseWriter, r *http.Request, id string) {
	if r.Header.Get("Accept") != "application/octet-stream" {
		f.t.Errorf("a download accepts %q", r.Header.Get("Accept"))
	}
	http.Redirect(w, r, f.server.URL+storage+id+"?sig="+signature, http.StatusFound)
}

// signature is the secret in the address of a download.
const signature = "51gnature"

func (f *Server) serveAsset(w http.ResponseWriter, r *http.Request, id string) {
	if !f.Public && r.URL.Query().Get("sig") != signature {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	for _, release := range f.Releases {
		for _, a := range release.Assets {
			if strconv.FormatInt(a.ID, 10) == id {
				http.ServeContent(w, r, "", time.Time{}, strings.NewReader(a.Body))
				return
			}
		}
	}
	w.WriteHeader(http.StatusNotFound)
}
