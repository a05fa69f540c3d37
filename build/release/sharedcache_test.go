package release

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/images/cache/places"
	"github.com/slipway-build/slipway/images/imagetest"
)

// Shards on machines of their own write a shared cache, and a fresh machine makes the release from it: it adds nothing,
// and writes the same bytes. So it does when every blob of the cache is damaged.
func TestAFreshMachineUsesTheSharedCache(t *testing.T) {
	imagetest.Program(t, "go")
	r := makeRelease(t)
	r.run("package")
	want := read(t, filepath.Join(r.dir, "dist"))
	key, pem, err := sign.GenerateKey([]byte("word"))
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "shared")
	r.env["CACHE_KEY"], r.env["CACHE_PUBLIC"], r.env["CACHE_PASSWORD"] = string(pem), string(key.PublicKey().PEM()), "word"
	config := filepath.Join(r.dir, "slipway.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	list := fmt.Sprintf(`["type=registry,ref=%s/team/cache", "type=local,dest=%s"]`, r.registry, filepath.ToSlash(folder))
	text = append(text, fmt.Sprintf("cache: {from: %s, to: %s, public-key: env://CACHE_PUBLIC, key: env://CACHE_KEY, password: CACHE_PASSWORD, binaries: true}\n", list, list)...)
	if err := os.WriteFile(config, text, 0o644); err != nil {
		t.Fatal(err)
	}
	fresh := func(o *Options) { o.Cache = t.TempDir() }
	for n := 1; n <= 3; n++ {
		r.shardOn(filepath.Join(t.TempDir(), "dist"), plan.Shard{Number: n, Of: 3}, fresh)
	}
	place := places.NewFolder(folder)
	before, err := cache.List(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, e := range before {
		kinds[e.Kind()] = true
	}
	for _, kind := range []string{"layer", "content", "zstd-frame", "record-blob", "binary"} {
		if !kinds[kind] {
			t.Errorf("the cache has no %s", kind)
		}
	}
	for _, damaged := range []bool{false, true} {
		t.Run(fmt.Sprintf("damaged=%v", damaged), func(t *testing.T) {
			if damaged {
				damage(t, folder)
			}
			change := fresh
			if damaged { // the other place is not damaged
				change = func(o *Options) {
					fresh(o)
					o.Shared.From.Texts = []string{"type=local,src=" + filepath.ToSlash(folder)}
				}
			}
			dist := filepath.Join(t.TempDir(), "dist")
			r.job(into(dist, change))
			got := read(t, dist)
			for name := range want {
				if want[name] != got[name] {
					t.Errorf("%s differs: %.80q, want %.80q", name, got[name], want[name])
				}
			}
			after, err := cache.List(t.Context(), place)
			if err != nil {
				t.Fatal(err)
			}
			if !damaged && len(after) != len(before) {
				t.Errorf("the cache has %d entries, and had %d", len(after), len(before))
			}
		})
	}
}

// damage changes a byte of every blob of a cache.
func damage(t *testing.T, dir string) {
	t.Helper()
	blobs, err := filepath.Glob(filepath.Join(dir, "v1", "blobs", "sha256", "*"))
	if err != nil || len(blobs) == 0 {
		t.Fatal(blobs, err)
	}
	for _, blob := range blobs {
		raw, err := os.ReadFile(blob)
		if err != nil {
			t.Fatal(err)
		}
		raw[len(raw)/2] ^= 1
		if err := os.WriteFile(blob, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Keys of shared caches are secrets: no child process and no report gets them.
func TestKeysOfSharedCachesAreSecret(t *testing.T) {
	r := makeRelease(t)
	r.options.Shared.Key, r.options.Shared.PublicKey = "env://CACHE_KEY", "env://CACHE_PUBLIC"
	b := r.open(func(*Options) {})
	defer b.Close()
	if names := strings.Join(b.secretVariables(), " "); !strings.Contains(names, "CACHE_KEY") {
		t.Errorf("the secrets are %s", names)
	}
}

// A job that makes nothing does not need the keys of shared caches.
func TestWhatMakesNothingNeedsNoKeyOfACache(t *testing.T) {
	r := makeRelease(t)
	r.options.Shared.From.Texts, r.options.Shared.PublicKey = []string{"type=local,src=cache"}, "env://NOT_SET"
	b := r.open(func(*Options) {})
	defer b.Close()
	if err := b.openBench(); err != nil {
		t.Error(err)
	}
	if err := r.try(r.open(), "build"); err == nil || !strings.Contains(err.Error(), "environment variable NOT_SET is not set") {
		t.Errorf("building gives the error %v", err)
	}
}
