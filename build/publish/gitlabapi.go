package publish

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// A gitlabAPI sends requests to one project of GitLab (https://docs.gitlab.com/api/rest/). It needs only eight kinds of
// requests; GitLab's own client would add 4.5 MB and five modules.
type gitlabAPI struct {
	project string // URL of the project
	header  string // name of the header with the token
	token   string
	client  *http.Client
}

// Parts of the responses that are used.
type (
	gitlabPackage struct {
		ID      int64  `json:"id"`
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	gitlabPackageFile struct {
		ID     int64  `json:"id"`
		Name   string `json:"file_name"`
		SHA256 string `json:"file_sha256"`
	}
	gitlabCommit struct {
		ID string `json:"id"`
	}
	gitlabTag struct {
		Commit gitlabCommit `json:"commit"`
	}
	gitlabLink struct {
		ID              int64  `json:"id,omitempty"`
		Name            string `json:"name"`
		URL             string `json:"url"`
		DirectAssetPath string `json:"direct_asset_path,omitempty"`
		LinkType        string `json:"link_type,omitempty"`
	}
	gitlabAssets struct {
		Links []gitlabLink `json:"links"`
	}
	gitlabRelease struct {
		Tag         string       `json:"tag_name"`
		Ref         string       `json:"ref,omitempty"` // of a new tag
		Name        string       `json:"name"`
		Description string       `json:"description"`
		Commit      gitlabCommit `json:"commit,omitzero"`
		Assets      gitlabAssets `json:"assets"`
		Links       struct {
			Self string `json:"self"`
		} `json:"_links,omitzero"`
	}
)

func (g GitLab) api() *gitlabAPI {
	a := &gitlabAPI{header: "PRIVATE-TOKEN", token: g.Token, client: patientClient(),
		project: strings.TrimSuffix(cmp.Or(g.BaseURL, "https://gitlab.com/api/v4"), "/") + "/projects/" + url.PathEscape(g.Project)}
	a.client.CheckRedirect = sameHost
	if g.Token == "" {
		a.header, a.token = "JOB-TOKEN", g.JobToken
	}
	return a
}

// sameHost refuses redirects to other servers, which would receive the token.
func sameHost(request *http.Request, via []*http.Request) error {
	if request.URL.Host != via[0].URL.Host || request.URL.Scheme != via[0].URL.Scheme || len(via) >= 10 {
		return fmt.Errorf("it redirects to another server, %s, or too often", request.URL.Host)
	}
	return nil
}

// A gitlabError is a response of GitLab with an error status.
type gitlabError struct {
	*http.Response
	message string
}

func (e *gitlabError) Error() string {
	return fmt.Sprintf("%s %s: %s: %s", e.Request.Method, e.Request.URL.Redacted(), e.Status, e.message)
}

// at returns the URL of a path in the project.
func (a *gitlabAPI) at(elements ...string) string {
	address := a.project
	for _, e := range elements {
		address += "/" + url.PathEscape(e)
	}
	return address
}

// get decodes a response into out, and returns the number of the next page of a list, or "".
func (a *gitlabAPI) get(ctx context.Context, address string, out any) (next string, err error) {
	return a.do(ctx, http.MethodGet, address, nil, -1, out)
}

// send sends a value as JSON, and decodes the response into out.
func (a *gitlabAPI) send(ctx context.Context, method, address string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	_, err = a.do(ctx, method, address, bytes.NewReader(body), int64(len(body)), out)
	return err
}

func (a *gitlabAPI) do(ctx context.Context, method, address string, body io.Reader, size int64, out any) (next string, err error) {
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return "", err
	}
	if a.token != "" {
		request.Header.Set(a.header, a.token)
	}
	request.Header.Set("User-Agent", "slipway")
	if body != nil {
		request.ContentLength = size
		request.Header.Set("Content-Type", "application/json")
		if method == http.MethodPut && strings.Contains(address, "/packages/generic/") {
			request.Header.Set("Content-Type", "application/octet-stream")
		}
	}
	response, err := a.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		text, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
		return "", errors.Join(&gitlabError{response, strings.Join(strings.Fields(string(text)), " ")}, err)
	}
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		return "", fmt.Errorf("%s %s: reading the answer: %w", method, request.URL.Redacted(), err)
	}
	return response.Header.Get("X-Next-Page"), nil
}
