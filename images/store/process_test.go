package store_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
)

// childVariable makes the test binary another process that uses a store: "<what> <arguments>".
const childVariable = "SLIPWAY_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if child := os.Getenv(childVariable); child != "" {
		args := strings.Split(child, "\n")
		if err := children[args[0]](args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// children are the functions of the other process.
var children = map[string]func(args []string) error{
	"write forever": writeForever,
	"write all":     writeAll,
	"fetch slowly":  fetchSlowly,
	"fill the disk": fillTheDisk,
}

func child(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), exe)
	c.Env = append(os.Environ(), childVariable+"="+strings.Join(args, "\n"))
	return c
}

// writeForever makes layers, images, derived files and tags until it is killed.
func writeForever(args []string) error {
	ctx := context.Background()
	s, err := store.Open(args[0])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for i := 0; ; i++ {
		if err := writeOne(ctx, s, i); err != nil {
			return err
		}
	}
}

func writeOne(ctx context.Context, s *store.Store, i int) error {
	key := fmt.Sprint(i)
	if _, err := s.Layer(ctx, key, images.Compression{Level: 1}, func(w io.Writer) error { return tarball(w, uint64(i), 300<<10) }); err != nil {
		return err
	}
	if _, err := s.Derived(ctx, "frame", key, func(w io.Writer) error { return words(w, uint64(i), 100<<10) }); err != nil {
		return err
	}
	return writeTagged(ctx, s, "docker.io/acme/tool:v"+key, i)
}

// writeTagged adds an image under a name.
func writeTagged(ctx context.Context, s *store.Store, name string, i int) error {
	img, err := random.Image(10<<10, 2, random.WithSource(randSource(i)))
	if err != nil {
		return err
	}
	if err := s.AddImage(ctx, img); err != nil {
		return err
	}
	h, err := img.Digest()
	if err != nil {
		return err
	}
	size, err := img.Size()
	if err != nil {
		return err
	}
	mediaType, err := img.MediaType()
	if err != nil {
		return err
	}
	return s.Tag(ctx, name, v1.Descriptor{MediaType: mediaType, Digest: h, Size: size})
}

func TestAKillAtAnyMomentHarmsNothing(t *testing.T) {
	dir := t.TempDir()
	moments := 25
	if testing.Short() {
		moments = 5
	}
	for range moments {
		c := child(t, "write forever", dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		bufio.NewReader(out).ReadString('\n')
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		c.Process.Kill()
		c.Wait()
		wantSound(t, dir)
	}
	// The next run completes the work.
	s := open(t, dir)
	for i := range 3 {
		if err := writeOne(t.Context(), s, i); err != nil {
			t.Error(err)
		}
	}
	wantSound(t, dir)
}

// wantSound reads everything that has a name in a store.
func wantSound(t *testing.T, dir string) {
	t.Helper()
	blobs, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blobs {
		f, err := os.Open(filepath.Join(dir, "blobs", "sha256", b.Name()))
		if err != nil {
			t.Fatal(err)
		}
		h, _, err := v1.SHA256(f)
		f.Close()
		if err != nil || h.Hex != b.Name() {
			t.Errorf("blob %s has the digest %s (%v)", b.Name(), h, err)
		}
	}
	idx, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(idx); err != nil {
		t.Error(err)
	}
}

func TestLeftoversOfDeadProcessesAreSwept(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	old, fresh := filepath.Join(dir, ".slipway", "ingest", "old"), filepath.Join(dir, ".slipway", "ingest", "fresh")
	for path, age := range map[string]time.Duration{old: 25 * time.Hour, fresh: time.Hour} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir)
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("a leftover of yesterday is still there (%v)", err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("a file that another process may be writing: %v", err)
	}
}

// writeAll writes the same content as every other process, and tags of its own.
func writeAll(args []string) error {
	s, err := store.Open(args[0])
	if err != nil {
		return err
	}
	for i := range 5 {
		if err := writeOne(context.Background(), s, i); err != nil {
			return err
		}
		entries, err := s.Tags()
		if err != nil {
			return err
		}
		if err := s.Tag(context.Background(), fmt.Sprintf("docker.io/acme/%s:v%d", args[1], i), entries[0]); err != nil {
			return err
		}
	}
	return nil
}

func TestProcessesWriteTheSameAtOnce(t *testing.T) {
	dir := t.TempDir()
	const processes = 4
	var cmds []*exec.Cmd
	for i := range processes {
		c := child(t, "write all", dir, "process-"+strconv.Itoa(i))
		c.Stderr = new(bytes.Buffer)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, c)
	}
	for _, c := range cmds {
		if err := c.Wait(); err != nil {
			t.Errorf("%v: %s", err, c.Stderr)
		}
	}
	wantSound(t, dir)
	s := open(t, dir)
	wantNoLeftovers(t, s)
	entries, err := s.Tags()
	if err != nil {
		t.Fatal(err)
	}
	if want := 5 + 5*processes; len(entries) != want {
		t.Errorf("index.json has %d entries, want %d", len(entries), want)
	}
}
