package doctor

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/build/publish/githubtest"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/imagetest"
)

// onGitHub is a project that publishes a list to a release on GitHub.
func onGitHub(t *testing.T, keys string) (*project, *githubtest.Server) {
	server := githubtest.New(t)
	registry := imagetest.Registry(t)
	imagetest.Push(t, registry+"/tools/pause:3", imagetest.Image(t, "linux/amd64"))
	p := newProject(t, "airgap: {lists: {images: {file: images.txt, platforms: [linux/amd64]}}}\npublish: [{github: {repository: acme/acme"+keys+"}}]\n")
	p.write("images.txt", registry+"/tools/pause:3\n")
	p.options.GitHubAPI, p.options.GitHubToken = server.URL, githubtest.Token
	return p, server
}

func TestAGoodGitHub(t *testing.T) {
	p, server := onGitHub(t, "")
	r := p.examine()
	p.wantsNone(r, "destinations")
	p.wantsNone(r, "clock")
	if n := server.Count("POST /api/v3/repos/acme/acme/releases/generate-notes"); len(server.Log) != n {
		t.Errorf("sent %q, want nothing but a check", server.Log)
	}
	p.options.GitHubToken = "ghp_other"
	p.wantsOnly(p.examine(), Error, "destinations", "slipway.yaml:4:11: ", "the token is wrong or has expired")
	p.options.GitHubToken = ""
	p.wantsOnly(p.examine(), Error, "destinations", "slipway.yaml:4:11: GITHUB_TOKEN is not set")
}

// A draft of an RKE2 release was public while its files were uploaded.
func TestADraftThatIsPublic(t *testing.T) {
	p, server := onGitHub(t, ", draft: true")
	made := server.Add(githubtest.Release{Tag: "v1.2.3", Draft: true})
	p.wantsNone(p.examine(), "destinations")
	made.Draft = false
	p.wantsOnly(p.examine(), Error, "destinations", "slipway.yaml:4:11: release v1.2.3 of acme/acme is public already, with 0 assets, and the destination keeps a draft")
	made.Immutable = true
	p.wantsOnly(p.examine(), Error, "destinations", "immutable: nothing can be added: choose another version")
}

func TestAReleaseThatIsPublic(t *testing.T) {
	p, server := onGitHub(t, "")
	server.Add(githubtest.Release{Tag: "v1.2.3"})
	p.wantsOnly(p.examine(), Warning, "destinations", "release v1.2.3 of acme/acme is public already", "publish adds missing files")
}

func TestAnAssetOverTwoGiB(t *testing.T) {
	p, _ := onGitHub(t, "")
	const file = "dist/artifacts/acme-images.linux-amd64.tar.zst"
	p.options.Previous = &release.Report{Made: []release.Made{
		{Kind: "archive", Name: "images", Platform: images.Platform{Platform: imagetest.Platform(t, "linux/amd64")}, Path: file, Size: 2 << 30}}}
	p.wantsOnly(p.examine(), Error, "destinations", "slipway.yaml:4:11: "+file+": it has 2147483648 bytes, but GitHub allows at most 2147483647", "airgap.split")
	p.options.Set = []string{"airgap.split=1900MB"}
	p.wantsNone(p.examine(), "destinations")
}

func TestAClockThatIsBehind(t *testing.T) {
	behind, address := inFront(t, func(w http.ResponseWriter, r *http.Request) bool { return false })
	ahead := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(10*time.Minute).UTC().Format(http.TimeFormat))
		http.Redirect(w, r, "http://"+address+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer ahead.Close()
	imagetest.Push(t, behind+"/tools/pause:3", imagetest.Image(t, "linux/amd64"))
	host := strings.TrimPrefix(ahead.URL, "http://")
	p := newProject(t, "airgap: {lists: {images: {file: images.txt, platforms: [linux/amd64]}}}\n")
	p.write("images.txt", host+"/tools/pause:3\n")
	r := p.examine()
	p.wants(r, Warning, "clock", "the clock of this machine is ", " behind that of "+host)
}
