package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/load"
	"github.com/slipway-build/slipway/images/airgap/load/engine"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/engine/docker"
	"github.com/slipway-build/slipway/images/imagetest"
)

// engineClients connect to a Docker Engine.
func engineClients(t *testing.T) (*engine.Client, *docker.Client) {
	t.Helper()
	o := docker.Options{Address: imagetest.Docker(t)}
	c, err := engine.Connect(t.Context(), o, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	api, err := docker.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { api.Close() })
	return c, api
}

// unique returns images with names and layers that no other test has.
func unique(t *testing.T, n int) (all []pack.Image) {
	t.Helper()
	id := fmt.Sprint(time.Now().UnixNano())
	base := imagetest.Layer(t, imagetest.Files{"base": id + imagetest.Words(1, 200_000)})
	for i := range n {
		all = append(all, pack.Image{Names: []name.Reference{airgaptest.Ref(t, fmt.Sprintf("slipway.invalid/load%d:v%s", i, id))},
			Image: imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{"own": fmt.Sprint(id, i)}))})
	}
	return all
}

// plan plans the images of an archive.
func plan(t *testing.T, path string, registries ...string) []*load.Image {
	t.Helper()
	a, list, err := openAndPlan(t.Context(), path, registries...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return list
}

// openAndPlan opens an archive, and plans its images.
func openAndPlan(ctx context.Context, path string, registries ...string) (*airgap.Archive, []*load.Image, error) {
	a, err := airgap.Open(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	list, err := load.Plan(ctx, []*airgap.Archive{a}, load.Options{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Registries: registries})
	if err != nil {
		return nil, nil, errors.Join(err, a.Close())
	}
	return a, list, nil
}

// tags returns the names that an engine has of an image.
func tags(t *testing.T, api *docker.Client, img *load.Image) []string {
	t.Helper()
	records, err := api.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.ID == img.Packed.ID.String() {
			return r.Tags
		}
	}
	return nil
}

func TestLoad(t *testing.T) {
	c, api := engineClients(t)
	content, all := airgaptest.NewStore(t), unique(t, 3)
	t.Cleanup(func() { forget(t, all) })
	paths := airgaptest.Pack(t, content, all, pack.Options{Level: "fastest"})
	first := filepath.Join(t.TempDir(), "first.tar.gz")
	airgaptest.PackOne(t, content, first, all[0])
	results, err := c.Load(t.Context(), plan(t, first))
	if err != nil || results[0].Status != load.Loaded {
		t.Fatalf("%v, %v", results, err)
	}
	list := plan(t, paths[format.Zstd])
	if results, err = c.Load(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		want := load.Loaded
		if i == 0 {
			want = load.Present
		}
		if r.Status != want || r.Bytes >= 200_000 {
			t.Errorf("image %d: %s, %d bytes, although the engine had the base", i, r.Status, r.Bytes)
		}
		if got := tags(t, api, r.Image); len(got) != 1 || got[0] != r.Image.Names[0] {
			t.Errorf("names %q, want %q", got, r.Image.Names)
		}
	}
	renamed := plan(t, paths[format.Tar], "slipway.invalid/mirror")
	for round, want := range []load.Status{load.Loaded, load.Present} {
		if results, err = c.Load(t.Context(), renamed); err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Status != want || r.Bytes != 0 {
				t.Errorf("round %d: %s, %d bytes", round, r.Status, r.Bytes)
			}
			for _, n := range r.Image.Names {
				if !slices.Contains(tags(t, api, r.Image), n) {
					t.Errorf("no name %s", n)
				}
			}
		}
	}
}

// forget removes all names of images from an engine.
func forget(t *testing.T, all []pack.Image) {
	t.Helper()
	program := imagetest.Program(t, "docker")
	for _, img := range all {
		id, err := img.Image.ConfigName()
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(program, "--host", imagetest.Docker(t), "rmi", "--force", id.String()).CombinedOutput()
		if err != nil && !strings.Contains(string(out), "No such image") {
			t.Errorf("%s", out)
		}
	}
}

func TestLoadOfADamagedArchive(t *testing.T) {
	c, api := engineClients(t)
	all := unique(t, 2)
	t.Cleanup(func() { forget(t, all) })
	path := airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{})[format.Tar]
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	list := plan(t, path)
	damaged := bytes.Clone(raw)
	damaged[len(raw)/2] ^= 1 // in the base
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	results, err := c.Load(t.Context(), list)
	if err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("error %v", err)
	}
	for _, r := range results {
		if r.Status != load.Failed || tags(t, api, r.Image) != nil {
			t.Errorf("%s, with the names %q", r.Status, tags(t, api, r.Image))
		}
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Load(t.Context(), list); err != nil {
		t.Error(err)
	}
}

func TestConnectToNothing(t *testing.T) {
	begun := time.Now()
	_, err := engine.Connect(t.Context(), docker.Options{Address: "unix://" + filepath.Join(t.TempDir(), "none.sock")}, 300*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "connecting to the engine at unix://") {
		t.Errorf("error %v", err)
	}
	// On Windows, an Engine has a named pipe, and an address of another kind is an error at once.
	if runtime.GOOS != "windows" && time.Since(begun) < 300*time.Millisecond {
		t.Error("it did not wait")
	}
}

// Whenever a load is interrupted, the engine has no image without its content, and the next load goes on.
func TestLoadIsInterrupted(t *testing.T) {
	c, api := engineClients(t)
	id := fmt.Sprint(time.Now().UnixNano())
	var all []pack.Image
	for i := range 3 {
		all = append(all, pack.Image{Names: []name.Reference{airgaptest.Ref(t, fmt.Sprintf("slipway.invalid/cut%d:v%s", i, id))},
			Image: imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, uint64(900+i), 12<<20))})
	}
	t.Cleanup(func() { forget(t, all) })
	list := plan(t, airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{Level: "fastest"})[format.Zstd])
	// checked returns the number of images that the engine has, all of whose content it must be able to save.
	checked := func() (there int) {
		for i, img := range list {
			if len(tags(t, api, img)) == 0 {
				continue
			}
			there++
			out, err := exec.Command(imagetest.Program(t, "docker"), "--host", imagetest.Docker(t), "save", img.Names[0]).Output()
			if err != nil || len(out) < 12<<20 {
				t.Errorf("saving image %d: %d bytes, %v", i, len(out), err)
			}
		}
		return there
	}
	started := time.Now()
	if _, err := c.Load(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	whole := time.Since(started)
	if got := checked(); got != len(list) {
		t.Fatalf("the engine has %d images", got)
	}
	const moments = 6
	interrupted := 0
	for i := range moments {
		forget(t, all)
		ctx, cancel := context.WithTimeout(t.Context(), whole>>i) // the last is short even if the first load was slow by chance
		_, err := c.Load(ctx, list)
		cancel()
		there := checked()
		t.Logf("moment %d: the engine has %d images: %v", i, there, err)
		if err != nil {
			interrupted++
			if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "damaged") {
				t.Errorf("moment %d: an interruption is reported as %v", i, err)
			}
		} else if there != len(list) {
			t.Errorf("moment %d: the engine has %d images after a whole load", i, there)
		}
		if _, err := c.Load(t.Context(), list); err != nil {
			t.Errorf("loading after moment %d: %v", i, err)
		}
		if got := checked(); got != len(list) {
			t.Errorf("moment %d: the engine has %d images after the next load", i, got)
		}
	}
	if interrupted == 0 {
		t.Error("no load was interrupted")
	}
}
