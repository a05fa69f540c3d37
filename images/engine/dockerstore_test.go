package engine_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	dockerimage "github.com/docker/docker/api/types/image"
	docker "github.com/docker/docker/client"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
	"github.com/slipway-build/slipway/progress"
)

func dockerClient(t testing.TB, address string) *docker.Client {
	t.Helper()
	client, err := docker.NewClientWithOpts(docker.WithHost(address), docker.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// TestBuildsLeaveNoImagesInDocker shows that the images of a build do not stay in Docker Engine's store, whether the build succeeds
// or fails, and that images of others do.
func TestBuildsLeaveNoImagesInDocker(t *testing.T) {
	client := dockerClient(t, imagetest.Docker(t))
	layer := imagetest.RandomLayer(t, 7, 1<<16)
	base := imagetest.Image(t, "linux/amd64", layer)
	zstd := imagetest.LayerOf(t, types.OCILayerZStd, imagetest.Files{"etc/z": "z"}.Entries()...)
	o := engine.Options{Address: imagetest.Docker(t), Store: openStore(t), Sources: sources{
		"example.com/forget:1": imagetest.Index(t, base),
		"example.com/zstd:1":   imagetest.Index(t, imagetest.Image(t, "linux/amd64", zstd)),
	}}
	for _, c := range []struct{ dockerfile, want string }{
		{"FROM example.com/forget:1\nLABEL test=TestBuildsLeaveNoImagesInDocker\nCOPY a.txt /\n", ""},
		{"FROM example.com/zstd:1\nLABEL test=TestBuildsLeaveNoImagesInDocker\nCOPY --from=example.com/forget:1 / /\n", ""},
		{"FROM example.com/forget:1\nRUN [\"/no-such-program\"]\n", "no-such-program"},
	} {
		_, err := engine.Docker(o).Assemble(t.Context(), buildOf(t, c.dockerfile, map[string]string{"a.txt": "a"}))
		if c.want != "" {
			wantError(t, err, c.want)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	id, err := base.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.ImageInspect(t.Context(), id.String()); !errdefs.IsNotFound(err) {
		t.Errorf("the base is still in Docker Engine (%v)", err)
	}

	// The base is in the engine already; a build uses it and leaves it there.
	archive := filepath.Join(t.TempDir(), "base.tar")
	tag, err := name.NewTag("example.com/forget:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(archive, tag, base); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	loaded, err := client.ImageLoad(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, loaded.Body)
	loaded.Body.Close()
	t.Cleanup(func() {
		_, _ = client.ImageRemove(context.Background(), "example.com/forget:1", dockerimage.RemoveOptions{})
	})
	tasks := &started{}
	if _, err := engine.Docker(o).Assemble(progress.With(t.Context(), tasks), buildOf(t, "FROM example.com/forget:1\nLABEL test=TestBuildsLeaveNoImagesInDocker\nCOPY a.txt /\n", map[string]string{"a.txt": "b"})); err != nil {
		t.Fatal(err)
	}
	if tasks.contains(" load example.com/") {
		t.Error("the base was loaded although the engine has it")
	}
	if _, err := client.ImageInspect(t.Context(), "example.com/forget:1"); err != nil {
		t.Errorf("the build removed an image of somebody else: %v", err)
	}
	// Other tests build in this Engine at the same time: look only for the images of this one.
	images, err := client.ImageList(t.Context(), dockerimage.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "test="+t.Name()))})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := client.ImageInspect(t.Context(), id.String())
	if err != nil {
		t.Fatal(err)
	}
	names := stored.RepoTags
	for _, image := range images {
		names = append(names, image.RepoTags...)
	}
	for _, name := range names {
		if strings.HasPrefix(name, "slipway.invalid/") {
			t.Errorf("%s remains in Docker Engine", name)
		}
	}
}

// An image or a base that another build removed is made again. Here Docker Engine reports once that it is missing.
func TestImagesRemovedByAnotherBuild(t *testing.T) {
	socket, ok := strings.CutPrefix(imagetest.Docker(t), "unix://")
	if !ok {
		testfile.Missing(t, "Docker Engine is at %s, which is not a socket", imagetest.Docker(t))
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"})
	proxy.Transport = &http.Transport{DialContext: dial}
	var refused, asked atomic.Int64
	var missing atomic.Value // the part of a name
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/images/slipway.invalid/"+missing.Load().(string)+":") && strings.HasSuffix(r.URL.Path, "/json") {
			if asked.Add(1) <= refused.Load() {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprintln(w, `{"message": "No such image"}`)
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	defer server.Close()
	o := engine.Options{Store: openStore(t), Address: "tcp://" + strings.TrimPrefix(server.URL, "http://"), Sources: sources{
		"example.com/base:1": imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"base.txt": t.Name()}))),
	}}
	for _, kind := range []string{"build", "base"} {
		for times, want := range map[int64]string{1: "", 5: "No such image"} {
			missing.Store(kind)
			refused.Store(times)
			asked.Store(0)
			content := fmt.Sprint(t.Name(), kind, times)
			_, err := engine.Docker(o).Assemble(t.Context(), buildOf(t, "FROM example.com/base:1\nCOPY a.txt /\n", map[string]string{"a.txt": content}))
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s refused %d times: %v, want %q", kind, times, err, want)
			}
			if asked.Load() < min(times, 3) {
				t.Errorf("%s refused %d times: Docker Engine was asked %d times", kind, times, asked.Load())
			}
		}
	}
}
