package engine_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/load"
	"github.com/slipway-build/slipway/images/airgap/load/engine"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/engine/docker"
	"github.com/slipway-build/slipway/images/imagetest"
)

// childVariable makes the test binary another process that loads an archive. Its value is the path of the archive and
// the address of the engine.
const childVariable = "SLIPWAY_LOAD_TEST_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(childVariable); job != "" {
		archive, address, _ := strings.Cut(job, "\n")
		if err := loadArchive(archive, address, func() { fmt.Println("loading") }); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// loadArchive loads an archive as `slipway airgap load` does. It calls begin once it is connected.
func loadArchive(path, address string, begin func()) error {
	ctx := context.Background()
	a, list, err := openAndPlan(ctx, path)
	if err != nil {
		return err
	}
	defer a.Close()
	c, err := engine.Connect(ctx, docker.Options{Address: address}, time.Minute)
	if err != nil {
		return err
	}
	defer c.Close()
	begin()
	_, err = c.Load(ctx, list)
	return err
}

// A loader is another process that loads an archive.
type loader struct {
	process *exec.Cmd
	said    bytes.Buffer
}

// startLoader starts a loader, and returns when the load begins.
func startLoader(t *testing.T, archive, address string) *loader {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l := &loader{process: exec.CommandContext(t.Context(), self)}
	l.process.Env = append(os.Environ(), childVariable+"="+archive+"\n"+address)
	l.process.Stderr = &l.said
	out, err := l.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.process.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the load does not begin: %v, %v: %s", err, l.process.Wait(), l.said.String())
	}
	return l
}

// wait waits for the end of the process, and returns what it said if it failed.
func (l *loader) wait() error {
	if err := l.process.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, l.said.String())
	}
	return nil
}

// Whenever the load or Docker is killed, Docker has no image without its layers, and the next load goes on.
func TestLoadIsKilled(t *testing.T) {
	began := time.Now()
	daemon := imagetest.StartDocker(t)
	k := newKilling(t, "unix://"+daemon.Socket)
	for _, c := range []struct {
		victim  string
		moments int
		kill    func(*loader)
		want    string // part of what the load says
	}{
		{"the load", 12, func(l *loader) { _ = l.process.Process.Kill() }, ""},
		{"Docker", 6, func(*loader) { daemon.Kill(t) }, "lost the connection to the engine ("},
	} {
		hits := 0
		for i := range c.moments {
			moment := fmt.Sprintf("%s, moment %d", c.victim, i)
			left := i % 2
			k.forget(t, left)
			l := startLoader(t, k.archive, k.address)
			time.Sleep(k.takes[left] * time.Duration(2*i+1) / time.Duration(2*c.moments))
			c.kill(l)
			err := l.wait()
			daemon.Start(t)
			there := k.checked(t, moment)
			t.Logf("%s: Docker has %d images: %v", moment, there, err)
			said := l.said.String()
			switch {
			case err == nil && there != len(k.list):
				t.Errorf("%s: Docker has %d images after a whole load", moment, there)
			case err != nil && c.want == "" && said != "":
				t.Errorf("%s: the load failed before it was killed", moment)
			case err != nil && c.want != "" && (strings.Count(said, c.want) != 1 || !strings.Contains(said, "see its log, and try again when it runs")):
				t.Errorf("%s: want once %q, and what to do", moment, c.want)
			case err != nil:
				hits++
			}
			if err := loadArchive(k.archive, k.address, func() {}); err != nil {
				t.Errorf("loading after %s: %v", moment, err)
			}
			if there := k.checked(t, "the load after "+moment); there != len(k.list) {
				t.Errorf("%s: Docker has %d images after the next load", moment, there)
			}
		}
		if hits == 0 {
			t.Errorf("every load ended before %s was killed", c.victim)
		}
		t.Logf("%d of %d loads were interrupted because %s was killed", hits, c.moments, c.victim)
	}
	t.Logf("the test took %v", time.Since(began))
}

// A killing is the archive of a test that kills loads, and the Docker that loads it.
type killing struct {
	archive, address string
	list             []*load.Image
	api              *client.Client
	// takes is the time of a load without a kill, by the number of images that Docker has. The first one has the base of
	// all.
	takes [2]time.Duration
}

// newKilling makes an archive, and measures its loads.
func newKilling(t *testing.T, address string) *killing {
	t.Helper()
	base := imagetest.RandomLayer(t, 950, 4<<20)
	var all []pack.Image
	for i := range 3 {
		all = append(all, pack.Image{Names: []name.Reference{airgaptest.Ref(t, fmt.Sprintf("slipway.invalid/killed%d:v1", i))},
			Image: imagetest.Image(t, "linux/amd64", base, imagetest.RandomLayer(t, uint64(951+i), 4<<20))})
	}
	k := &killing{archive: airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{Level: "fastest"})[format.Zstd], address: address}
	k.list = plan(t, k.archive)
	var err error
	if k.api, err = client.NewClientWithOpts(client.WithHost(address), client.WithAPIVersionNegotiation()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.api.Close() })
	for left := range k.takes {
		k.forget(t, left)
		l := startLoader(t, k.archive, address)
		began := time.Now()
		if err := l.wait(); err != nil {
			t.Fatal(err)
		}
		k.takes[left] = time.Since(began)
	}
	return k
}

// forget removes all images but the first ones.
func (k *killing) forget(t *testing.T, left int) {
	t.Helper()
	for _, img := range k.list[left:] {
		_, err := k.api.ImageRemove(t.Context(), img.Packed.ID.String(), image.RemoveOptions{Force: true, PruneChildren: true})
		if err != nil && !errdefs.IsNotFound(err) {
			t.Error(err)
		}
	}
}

// checked returns the number of images that Docker has under their names, and fails the test for those whose content
// Docker cannot save.
func (k *killing) checked(t *testing.T, moment string) (there int) {
	t.Helper()
	records, err := k.api.ImageList(t.Context(), image.ListOptions{All: true})
	if err != nil {
		t.Fatalf("%s: %v", moment, err)
	}
	for _, r := range records {
		at := slices.IndexFunc(k.list, func(img *load.Image) bool { return img.Packed.ID.String() == r.ID })
		if at < 0 {
			t.Errorf("%s: Docker has the image %s %q, which was not loaded", moment, r.ID, r.RepoTags)
			continue
		}
		img := k.list[at]
		if slices.Equal(r.RepoTags, img.Names) {
			there++
		}
		var want []v1.Hash
		for _, l := range img.Packed.Layers {
			want = append(want, l.DiffID)
		}
		if got := k.save(t, r.ID); !slices.Equal(got, want) {
			t.Errorf("%s: image %d has the layers %s, want %s", moment, at, got, want)
		}
	}
	return there
}

// save saves an image, and returns the diff IDs that its layers have.
func (k *killing) save(t *testing.T, id string) (diffIDs []v1.Hash) {
	t.Helper()
	saved, err := k.api.ImageSave(t.Context(), []string{id})
	if err != nil {
		t.Error(err)
		return nil
	}
	defer saved.Close()
	raw, err := io.ReadAll(saved)
	if err != nil {
		t.Error(err)
	}
	img, err := tarball.Image(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }, nil)
	if err != nil {
		t.Error(err)
		return nil
	}
	layers, err := img.Layers()
	if err != nil {
		t.Error(err)
	}
	for _, l := range layers {
		content, err := l.Uncompressed()
		if err != nil {
			t.Error(err)
			continue
		}
		diffID, _, err := v1.SHA256(content)
		if err != nil {
			t.Error(err)
		}
		content.Close()
		diffIDs = append(diffIDs, diffID)
	}
	return diffIDs
}
