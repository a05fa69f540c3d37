package containerd_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/load"
	"github.com/slipway-build/slipway/images/airgap/load/containerd"
	"github.com/slipway-build/slipway/images/airgap/pack"
)

var amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}

// plan opens archives, and plans their images.
func plan(t testing.TB, paths ...string) []*load.Image {
	t.Helper()
	var archives []*airgap.Archive
	for _, path := range paths {
		a, err := airgap.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		archives = append(archives, a)
	}
	list, err := load.Plan(t.Context(), archives, load.Options{Platform: amd64})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// statuses counts results.
func statuses(results []load.Result) map[load.Status]int {
	n := map[load.Status]int{}
	for _, r := range results {
		n[r.Status]++
	}
	return n
}

// Archives of all codecs and of other programs, split ones, and those with original layers are loaded.
func TestLoad(t *testing.T) {
	d := newDaemon(t)
	content := airgaptest.NewStore(t)
	archives := map[string]string{}
	for codec, path := range airgaptest.Pack(t, content, airgaptest.SampleImages(t), pack.Options{Level: "fastest"}) {
		archives[string(codec)] = path
		archives["another program's "+string(codec)] = airgaptest.Foreign(t, path, codec)
	}
	archives["original layers"] = airgaptest.Pack(t, content, append(airgaptest.GzipImages(t), airgaptest.Indexed(t, "docker.io/acme/app:v1", true)), pack.Options{Layers: "original"})[format.Zstd]
	archives["parts"], _ = airgaptest.Split(t, format.Gzip, 100_000, airgaptest.SampleImages(t)...)
	c := d.connect(t, containerd.Options{})
	for name, path := range archives {
		t.Run(name, func(t *testing.T) {
			list := plan(t, path)
			results, err := c.Load(t.Context(), list)
			if err != nil {
				t.Fatal(err)
			}
			if n := statuses(results); n[load.Loaded] != len(list) {
				t.Errorf("results %v of %d images", n, len(list))
			}
			d.collect(t)
			there := d.checked(t, true)
			for _, img := range list {
				for _, n := range append(img.Digests(), img.Names...) {
					if !slices.Contains(there, n) {
						t.Errorf("no image %s in %q", n, there)
					}
				}
			}
			if results, err = c.Load(t.Context(), list); err != nil || statuses(results)[load.Present] != len(list) {
				t.Errorf("the second load: %v, %v", statuses(results), err)
			}
			if out := d.ctr(t, "leases", "ls", "-q"); out != "" {
				t.Errorf("leases remain: %s", out)
			}
			for _, line := range strings.Split(strings.TrimSpace(d.ctr(t, "images", "ls")), "\n")[1:] {
				if !strings.Contains(line, "io.cri-containerd.pinned=pinned") {
					t.Errorf("not pinned: %s", line)
				}
			}
			d.ctr(t, append([]string{"images", "rm", "--sync"}, there...)...)
			if out := d.ctr(t, "content", "ls", "-q") + d.ctr(t, "snapshots", "ls"); strings.Contains(out, "sha256:") {
				t.Errorf("content remains once the images are removed: %s", out)
			}
		})
	}
}

// A name that has another image gets the new one. Its other labels stay.
func TestLoadReplaces(t *testing.T) {
	d := newDaemon(t)
	c := d.connect(t, containerd.Options{NoUnpack: true, Unpinned: true})
	dir, content := t.TempDir(), airgaptest.NewStore(t)
	paths := []string{filepath.Join(dir, "old.tar.zst"), filepath.Join(dir, "new.tar.zst")}
	for i, path := range paths {
		airgaptest.PackOne(t, content, path, airgaptest.Siblings(t, 2, i)...)
	}
	list := plan(t, paths[0])
	if _, err := c.Load(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	name := list[0].Names[0]
	d.ctr(t, "images", "label", name, "team=a")
	if out := d.ctr(t, "images", "ls"); strings.Contains(out, "pinned") {
		t.Errorf("pinned: %s", out)
	}
	d.checked(t, false)
	list = plan(t, paths[1])
	if _, err := d.connect(t, containerd.Options{}).Load(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	d.checked(t, true)
	out := d.ctr(t, "images", "ls", "name=="+name)
	for _, want := range []string{list[0].Target().Digest.String(), "team=a", "io.cri-containerd.pinned=pinned"} {
		if !strings.Contains(out, want) {
			t.Errorf("ctr images ls: %s; want %s", out, want)
		}
	}
	if _, err := c.Load(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if out := d.ctr(t, "images", "ls"); strings.Contains(out, "pinned") || !strings.Contains(out, "team=a") {
		t.Errorf("after a load without pins: %s", out)
	}
}

func TestLoadOfADamagedArchive(t *testing.T) {
	d := newDaemon(t)
	path := airgaptest.Pack(t, airgaptest.NewStore(t), airgaptest.Siblings(t, 3, 0), pack.Options{})[format.Tar]
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	list := plan(t, path)
	damaged := bytes.Clone(raw)
	damaged[len(raw)/2] ^= 1 // in the second of three layers
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	c := d.connect(t, containerd.Options{})
	results, err := c.Load(t.Context(), list)
	if err == nil || !strings.Contains(err.Error(), "it is damaged") {
		t.Errorf("error %v", err)
	}
	if n := statuses(results); n[load.Failed] != 1 || n[load.Loaded] != 2 {
		t.Errorf("results %v", n)
	}
	d.collect(t)
	if there := d.checked(t, true); len(there) != 2 {
		t.Errorf("images %q", there)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Load(t.Context(), list); err != nil {
		t.Error(err)
	}
	d.checked(t, true)
}

// An error before the first image leaves all of them failed.
func TestLoadWithoutItsSnapshotter(t *testing.T) {
	d := newDaemon(t)
	path := airgaptest.Pack(t, airgaptest.NewStore(t), airgaptest.Siblings(t, 2, 0), pack.Options{Level: "fastest"})[format.Tar]
	results, err := d.connect(t, containerd.Options{Snapshotter: "none"}).Load(t.Context(), plan(t, path))
	if err == nil || !strings.Contains(err.Error(), "snapshotter none") {
		t.Errorf("error %v", err)
	}
	for _, r := range results {
		if r.Status != load.Failed || r.Err == nil {
			t.Errorf("%s is %s, error %v", r.Image.Names[0], r.Status, r.Err)
		}
	}
}

func TestConnect(t *testing.T) {
	d := newDaemon(t)
	if _, err := containerd.Connect(t.Context(), containerd.Options{Address: d.Socket, Namespace: "k8s"}, 0); err == nil || !strings.Contains(err.Error(), `namespace "k8s" does not exist`) {
		t.Errorf("a namespace that does not exist: %v", err)
	}
	if _, err := containerd.Connect(t.Context(), containerd.Options{Address: d.Socket + ".none"}, 0); err == nil {
		t.Error("no error without a containerd")
	}
	d.Kill(t)
	if _, err := containerd.Connect(t.Context(), containerd.Options{Address: d.Socket}, 0); err == nil {
		t.Error("no error for a socket that nobody listens at")
	}
	d.Launch(t) // it takes a while
	c, err := containerd.Connect(t.Context(), containerd.Options{Address: d.Socket}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if c.Version == "" {
		t.Error("no version")
	}
	c.Close()
}

// Whenever containerd or the load is killed, no image lacks its content, and the next load goes on.
func TestLoadIsKilled(t *testing.T) {
	d := newDaemon(t)
	path := airgaptest.Pack(t, airgaptest.NewStore(t), slices.Concat(airgaptest.Siblings(t, 6, 0), airgaptest.SampleImages(t)), pack.Options{Level: "fastest"})[format.Zstd]
	list := plan(t, path)
	moments := 6
	if os.Getenv("SLIPWAY_TEST_KILLS") != "" {
		moments = 50
	}
	interrupted := 0
	for i := range moments {
		c := d.connect(t, containerd.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		var results []load.Result
		go func() {
			var err error
			results, err = c.Load(ctx, list)
			done <- err
		}()
		time.Sleep(time.Duration(i) * 1200 * time.Millisecond / time.Duration(moments))
		if i%5 < 2 {
			d.Kill(t)
		} else {
			cancel()
		}
		if err := <-done; err != nil {
			interrupted++
		}
		cancel()
		d.Start(t)
		d.collect(t)
		there := d.checked(t, true)
		for _, r := range results {
			if r.Status == load.Failed && r.Err == nil || r.Status != load.Failed && !slices.Contains(there, r.Image.Names[0]) {
				t.Errorf("moment %d: %s is %s, error %v; containerd has it: %v", i, r.Image.Names[0], r.Status, r.Err, slices.Contains(there, r.Image.Names[0]))
			}
		}
		if i%3 == 2 {
			// Begin anew.
			if _, err := d.connect(t, containerd.Options{}).Load(t.Context(), list); err != nil {
				t.Fatalf("loading after moment %d: %v", i, err)
			}
			there = d.checked(t, true)
			d.ctr(t, append([]string{"images", "rm", "--sync"}, there...)...)
			for _, lease := range strings.Fields(d.ctr(t, "leases", "ls", "-q")) {
				d.ctr(t, "leases", "rm", "--sync", lease)
			}
		}
	}
	t.Logf("%d of %d loads were interrupted", interrupted, moments)
	c := d.connect(t, containerd.Options{})
	if _, err := c.Load(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if there := d.checked(t, true); len(there) < len(list) {
		t.Errorf("images %q", there)
	}
}
