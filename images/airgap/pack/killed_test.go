package pack_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/fileop"
)

// childVariable makes the test binary another process that packs. Its value is the folders of a
// layout, of a cache and of outputs.
const childVariable = "SLIPWAY_AIRGAP_TEST_CHILD"

func TestMain(m *testing.M) {
	if folders := os.Getenv(childVariable); folders != "" {
		f := strings.Split(folders, "\n")
		if err := packLayout(f[0], f[1], f[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// packLayout packs all images of a layout.
func packLayout(layout, cache, out string) error {
	from, err := store.OpenLayout(layout)
	if err != nil {
		return err
	}
	content, err := store.Open(cache)
	if err != nil {
		return err
	}
	entries, err := from.Tags()
	if err != nil {
		return err
	}
	var all []pack.Image
	for _, e := range entries {
		ref, err := name.ParseReference(e.Annotations[images.ContainerdNameAnnotation])
		if err != nil {
			return err
		}
		image, err := from.Image(e.Digest)
		if err != nil {
			return err
		}
		all = append(all, pack.Image{Names: []name.Reference{ref}, Image: image})
	}
	_, err = pack.Write(context.Background(), content, all, outputsIn(out), pack.Options{})
	return err
}

func outputsIn(dir string) []pack.Output {
	return []pack.Output{{Path: filepath.Join(dir, "images.tar")}, {Path: filepath.Join(dir, "images.tar.gz")},
		{Path: filepath.Join(dir, "images.tar.zst")}, {Path: filepath.Join(dir, "split.tar.zst"), Split: 700_000}}
}

// largeLayout returns an OCI layout of images that take a while to pack.
func largeLayout(t *testing.T) string {
	t.Helper()
	s := airgaptest.NewStore(t)
	base := imagetest.Layer(t, imagetest.Files{"usr/words": imagetest.Words(1, 4_000_000)})
	for n := range 3 {
		image := imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{"bin/own": imagetest.Words(n+10, 2_000_000)}), imagetest.RandomLayer(t, uint64(n), 500_000))
		if err := s.AddImage(t.Context(), image); err != nil {
			t.Fatal(err)
		}
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := image.RawManifest()
		if err != nil {
			t.Fatal(err)
		}
		mediaType, err := image.MediaType()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Tag(t.Context(), fmt.Sprintf("docker.io/acme/image:v%d", n), v1.Descriptor{MediaType: mediaType, Digest: digest, Size: int64(len(raw))}); err != nil {
			t.Fatal(err)
		}
	}
	return s.Dir()
}

func packProcess(t *testing.T, folders ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childVariable+"="+strings.Join(folders, "\n"))
	return cmd
}

// visible returns the files of a folder that a node would read.
func visible(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// reference packs once without an interruption, and returns the time that it took.
func reference(t *testing.T, layout string) (map[string][]byte, time.Duration) {
	t.Helper()
	out, began := t.TempDir(), time.Now()
	if said, err := packProcess(t, layout, t.TempDir(), out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return visible(t, out), time.Since(began)
}

func TestAKillLeavesNothingHalf(t *testing.T) {
	if testing.Short() {
		t.Skip("kills 50 processes")
	}
	t.Parallel()
	layout := largeLayout(t)
	want, took := reference(t, layout)
	cache, out := t.TempDir(), t.TempDir()
	for kill := range 50 {
		// With a warm cache, the run is short; start over now and then.
		if kill%5 == 0 {
			cache = t.TempDir()
		}
		cmd := packProcess(t, layout, cache, out)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(took))))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for file, content := range visible(t, out) {
			if !bytes.Equal(content, want[file]) {
				t.Fatalf("after kill %d, %s has %d bytes that are not those of %d", kill, file, len(content), len(want[file]))
			}
		}
	}
	if said, err := packProcess(t, layout, cache, out).CombinedOutput(); err != nil {
		t.Fatalf("the run after all kills: %v\n%s", err, said)
	}
	got := visible(t, out)
	for file, content := range want {
		if !bytes.Equal(got[file], content) {
			t.Errorf("%s has other content", file)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
}

func TestPacksShareACache(t *testing.T) {
	layout := largeLayout(t)
	want, _ := reference(t, layout)
	cache := t.TempDir()
	var wait sync.WaitGroup
	for range 4 {
		out := t.TempDir()
		cmd := packProcess(t, layout, cache, out)
		wait.Go(func() {
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, said)
				return
			}
			for file, content := range want {
				if got, err := os.ReadFile(filepath.Join(out, file)); err != nil || !bytes.Equal(got, content) {
					t.Errorf("%s has other content (%v)", file, err)
				}
			}
		})
	}
	wait.Wait()
}

func TestLeftoversOfKilledRunsGo(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "images.tar")
	old := time.Now().Add(-2 * fileop.LeftoverAge)
	for file, age := range map[string]time.Time{
		".images.tar.1.tmp": old, ".images.tar.2.tmp.part001": old, ".images.tar.3.tmp": time.Now(),
		".images.tar.gz.4.tmp": old, "images.tar": old,
	} {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, age, age); err != nil {
			t.Fatal(err)
		}
	}
	temp, err := atomicfile.Create(final, 1)
	if err != nil {
		t.Fatal(err)
	}
	temp.Discard()
	var left []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		left = append(left, e.Name())
	}
	// Another file's temporary file, one that may still be written, and the file itself are kept.
	if want := ".images.tar.3.tmp .images.tar.gz.4.tmp images.tar"; strings.Join(left, " ") != want {
		t.Errorf("remaining: %v, want %s", left, want)
	}
}
