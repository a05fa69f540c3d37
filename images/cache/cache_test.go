package cache_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/images/cache/places"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// warnings returns a context, and the warnings that were reported with it so far.
func warnings(t *testing.T) (context.Context, func() []string) {
	display := progress.New(progress.None, io.Discard, progress.Options{})
	t.Cleanup(func() { display.Close() })
	return progress.With(t.Context(), display), display.Warnings
}

func opener(content string) func() (io.ReadSeekCloser, error) {
	return func() (io.ReadSeekCloser, error) { return cache.InMemory([]byte(content)), nil }
}

// add adds contents, by key, to a folder.
func add(ctx context.Context, dir string, o cache.Options, proven bool, contents map[string]string) {
	o.From, o.To = []cache.Place{places.NewFolder(dir)}, []cache.Place{places.NewFolder(dir)}
	c := cache.New(o)
	defer c.Close()
	for key, content := range contents {
		c.Offer(ctx, "frame", key, proven, opener(content))
	}
	c.Flush(ctx)
}

// find returns the content of a key in a folder.
func find(ctx context.Context, t *testing.T, dir string, o cache.Options, proven bool, key string) (string, bool) {
	t.Helper()
	o.From = []cache.Place{places.NewFolder(dir)}
	c := cache.New(o)
	defer c.Close()
	for {
		found, ok := c.Find(ctx, "frame", key, proven)
		if !ok {
			return "", false
		}
		var b bytes.Buffer
		err := found.CopyTo(ctx, &b)
		if err == nil {
			return b.String(), true
		}
		c.Reject(ctx, found, err)
	}
}

func TestEntriesThatAreNotProvenNeedASignature(t *testing.T) {
	ctx, _ := warnings(t)
	ours, other := airgaptest.Key(t, 1), airgaptest.Key(t, 2)
	signing := func(key *sign.PrivateKey) cache.Options {
		return cache.Options{Trusted: []*sign.PublicKey{key.PublicKey()}, Signer: func() (sign.Signer, error) { return key, nil }}
	}
	reading := cache.Options{Trusted: []*sign.PublicKey{ours.PublicKey()}}
	for name, c := range map[string]struct {
		write        cache.Options
		writeProven  bool
		read         cache.Options
		readProven   bool
		want, beside bool // found, and added at all
	}{
		"proven, without keys":                 {cache.Options{}, true, cache.Options{}, true, true, true},
		"not proven, without keys":             {cache.Options{}, false, cache.Options{}, false, false, false},
		"not proven, read as proven":           {cache.Options{}, false, cache.Options{}, true, false, false},
		"proven, not signed, and a key":        {cache.Options{}, true, reading, true, false, true},
		"signed":                               {signing(ours), false, reading, false, true, true},
		"proven and signed":                    {signing(ours), true, reading, true, true, true},
		"signed by another key":                {signing(other), false, reading, false, false, true},
		"signed, and nobody is trusted":        {signing(ours), false, cache.Options{}, false, false, true},
		"proven and signed, nobody is trusted": {signing(ours), true, cache.Options{}, true, true, true},
		"a trusted key, but none to sign with": {reading, true, cache.Options{}, true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			add(ctx, dir, c.write, c.writeProven, map[string]string{"key": "content"})
			if _, ok := find(ctx, t, dir, c.read, c.readProven, "key"); ok != c.want {
				t.Errorf("found: %v, want %v", ok, c.want)
			}
			entries, err := cache.List(ctx, places.NewFolder(dir))
			if added := err == nil && len(entries) == 1; added != c.beside {
				t.Errorf("added: %v (%v), want %v", added, err, c.beside)
			}
		})
	}
}

// The signature of one entry does not make another one count.
func TestASignatureIsOfItsEntry(t *testing.T) {
	ctx, _ := warnings(t)
	key := airgaptest.Key(t, 1)
	o := cache.Options{Trusted: []*sign.PublicKey{key.PublicKey()}, Signer: func() (sign.Signer, error) { return key, nil }}
	dir := t.TempDir()
	add(ctx, dir, o, false, map[string]string{"one": "content", "two": "another"})
	swap := func(segment string) string {
		entries, err := cache.List(ctx, places.NewFolder(dir))
		if err != nil || len(entries) != 2 {
			t.Fatal(entries, err)
		}
		return strings.NewReplacer(entries[0].Name, entries[1].Name, entries[1].Name, entries[0].Name).Replace(segment)
	}
	rewrite(t, dir, swap)
	for _, key := range []string{"one", "two"} {
		if content, ok := find(ctx, t, dir, o, false, key); ok {
			t.Errorf("%s has %q", key, content)
		}
		if _, ok := find(ctx, t, dir, cache.Options{}, true, key); !ok {
			t.Errorf("%s is not there at all", key)
		}
	}
}

// rewrite changes the only segment of a folder, and gives it the name of its new content.
func rewrite(t *testing.T, dir string, change func(string) string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "v1", "segments", "*"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	raw, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	changed := []byte(change(string(raw)))
	name := airgaptest.HexDigest(changed)
	if err := os.WriteFile(filepath.Join(filepath.Dir(found[0]), name), changed, 0o644); err != nil {
		t.Fatal(err)
	}
	if name != filepath.Base(found[0]) {
		if err := os.Remove(found[0]); err != nil {
			t.Fatal(err)
		}
	}
}

// What is made in place of a wrong entry replaces it.
func TestAWrongEntryIsReplaced(t *testing.T) {
	for name, content := range map[string]string{"small": "content", "large": imagetest.Words(1, 200<<10)} {
		t.Run(name, func(t *testing.T) {
			ctx, warned := warnings(t)
			dir := t.TempDir()
			add(ctx, dir, cache.Options{}, true, map[string]string{"key": content})
			blobs, _ := filepath.Glob(filepath.Join(dir, "v1", "blobs", "sha256", "*"))
			for _, blob := range blobs {
				if err := os.WriteFile(blob, bytes.ToUpper([]byte(content)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			place := places.NewFolder(dir)
			c := cache.New(cache.Options{From: []cache.Place{place}, To: []cache.Place{place}})
			defer c.Close()
			found, ok := c.Find(ctx, "frame", "key", true)
			if !ok {
				t.Fatal("nothing was found")
			}
			err := found.CopyTo(ctx, io.Discard)
			if err == nil {
				t.Fatal("the damage was not seen")
			}
			c.Reject(ctx, found, err)
			if _, ok := c.Find(ctx, "frame", "key", true); ok {
				t.Error("it was found again")
			}
			c.Offer(ctx, "frame", "key", true, opener(content))
			c.Flush(ctx)
			if got, _ := find(ctx, t, dir, cache.Options{}, true, "key"); got != content {
				t.Errorf("then it has %d bytes, want %d", len(got), len(content))
			}
			if w := warned(); len(w) != 1 || !strings.Contains(w[0], "is wrong, so it is made again") {
				t.Errorf("warnings %q", w)
			}
		})
	}
}

// 10,000 entries of which each was changed somewhere: in its content, or in what the segment says of it. None of them is
// found with other content.
func TestNoWrongByteIsFound(t *testing.T) {
	ctx, _ := warnings(t)
	const entries, rounds = 200, 50
	contents := map[string]string{}
	for i := range entries {
		contents[fmt.Sprint(i)] = imagetest.Words(i, 10+i*10+i%20/19*70<<10)
	}
	original := t.TempDir()
	add(ctx, original, cache.Options{}, true, contents)
	random := rand.New(rand.NewPCG(1, 2))
	wrong, missing := 0, 0
	for round := range rounds {
		dir := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(dir, os.DirFS(original)); err != nil {
			t.Fatal(err)
		}
		mutate(t, random, dir, round%2 == 0)
		place := places.NewFolder(dir)
		c := cache.New(cache.Options{From: []cache.Place{place}})
		for key, content := range contents {
			found, ok := c.Find(ctx, "frame", key, true)
			if !ok {
				missing++
				continue
			}
			var b bytes.Buffer
			if err := found.CopyTo(ctx, &b); err != nil {
				wrong++
			} else if b.String() != content && b.String() != contents[otherKey(contents, b.String())] {
				t.Fatalf("round %d: %s has %d bytes that nobody wrote", round, key, b.Len())
			}
		}
		c.Close()
	}
	if wrong < 1000 {
		t.Errorf("only %d of %d entries were wrong, and %d missing", wrong, entries*rounds, missing)
	}
}

func otherKey(contents map[string]string, content string) string {
	for key, c := range contents {
		if c == content {
			return key
		}
	}
	return ""
}

// mutate changes every blob of a folder, or the segment in many places.
func mutate(t *testing.T, random *rand.Rand, dir string, blobs bool) {
	t.Helper()
	flip := func(raw []byte, n int) []byte {
		raw = slices.Clone(raw)
		for range n {
			switch at := random.IntN(len(raw)); random.IntN(3) {
			case 0:
				raw[at] ^= 1 << random.IntN(8)
			case 1:
				raw = append(raw[:at], raw[min(at+1+random.IntN(5), len(raw)):]...)
			case 2:
				raw = slices.Insert(raw, at, byte(random.IntN(256)))
			}
			if len(raw) == 0 {
				return []byte{0}
			}
		}
		return raw
	}
	if !blobs {
		rewrite(t, dir, func(s string) string {
			// Digits only, so that it remains JSON.
			raw := []byte(s)
			for range 300 {
				if at := random.IntN(len(raw)); raw[at] >= '1' && raw[at] <= '8' {
					raw[at] = '1' + byte(random.IntN(8))
				}
			}
			return string(raw)
		})
		return
	}
	files, _ := filepath.Glob(filepath.Join(dir, "v1", "blobs", "sha256", "*"))
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, flip(raw, 1+random.IntN(3)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
