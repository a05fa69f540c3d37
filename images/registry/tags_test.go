package registry

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

func TestTags(t *testing.T) {
	for name, start := range map[string]func(testing.TB) string{
		"go-containerregistry": imagetest.Registry, "docker-registry": imagetest.DistributionRegistry, "distribution 3": imagetest.Distribution3Registry,
	} {
		t.Run(name, func(t *testing.T) {
			host := start(t)
			image := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"a": ""}))
			for _, tag := range []string{"v1", "v1.2.3", "latest"} {
				imagetest.Push(t, host+"/team/app:"+tag, image)
			}
			if got, err := tagsOf(t, host+"/team/app"); err != nil || got != "latest v1 v1.2.3" {
				t.Errorf("got %s, %v", got, err)
			}
			if got, err := tagsOf(t, host+"/team/other"); err != nil || got != "" {
				t.Errorf("of a repository that does not exist: got %s, %v", got, err)
			}
		})
	}
}

func TestTagsInPages(t *testing.T) {
	for _, c := range []struct{ name, link, want, wrong string }{
		{"relative", `</v2/team/app/tags/list?last=a&n=1>; rel="next"`, "a b", ""},
		{"without an end", `</v2/team/app/tags/list>; rel="next"`, "", "has more than 1000 pages"},
		{"at another host", `<http://127.0.0.2:1/v2/team/app/tags/list>; rel="next"`, "", "continues at another host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case !strings.HasSuffix(r.URL.Path, "/tags/list"):
				case r.URL.Query().Get("last") == "a":
					fmt.Fprint(w, `{"tags":["b"]}`)
				default:
					w.Header().Set("Link", c.link)
					fmt.Fprint(w, `{"tags":["a"]}`)
				}
			}))
			defer server.Close()
			got, err := tagsOf(t, strings.TrimPrefix(server.URL, "http://")+"/team/app")
			if c.wrong == "" && (err != nil || got != c.want) || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
				t.Errorf("got %s, %v; want %s%s", got, err, c.want, c.wrong)
			}
		})
	}
}

func tagsOf(t *testing.T, repository string) (string, error) {
	t.Helper()
	cache, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	repo, err := name.NewRepository(repository)
	if err != nil {
		t.Fatal(err)
	}
	tags, err := New(Options{Store: cache}).Tags(t.Context(), repo)
	slices.Sort(tags)
	return strings.Join(tags, " "), err
}
