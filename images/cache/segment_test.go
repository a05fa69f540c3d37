package cache

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/progress"
)

// digit returns a digest of equal digits.
func digit(s string) v1.Hash { return v1.Hash{Algorithm: "sha256", Hex: strings.Repeat(s, 64)} }

func FuzzDecodeSegment(f *testing.F) {
	for _, s := range []segment{
		{Entries: []Entry{}},
		{Replaces: []string{"a"}, Entries: []Entry{{Name: "frame/" + digit("a").Hex, Sum: digit("b"), Size: 3, Made: 1, Used: 2}}},
		{Entries: []Entry{{Name: "frame/" + digit("a").Hex, Sum: digit("b"), Size: 3, Offset: 4, Pack: &Blob{digit("c"), 7}}}},
	} {
		raw, _, err := s.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := decodeSegment(segmentName(raw), raw)
		if err != nil {
			return
		}
		for _, e := range s.Entries {
			if b := e.blob(); e.Offset+e.Size > b.Size || e.Size < 0 || e.Offset < 0 || !isSHA256(b.Digest) || e.Pack != nil && b.Size > maxPack {
				t.Errorf("entry %+v was accepted", e)
			}
		}
	})
}

func TestEntriesThatNobodyWroteAreRefused(t *testing.T) {
	valid := Entry{Name: "frame/" + digit("a").Hex, Sum: digit("b"), Size: 3, Offset: 4, Pack: &Blob{digit("c"), 7}}
	if err := valid.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Entry){
		"no kind":                     func(e *Entry) { e.Name = digit("a").Hex },
		"a short key":                 func(e *Entry) { e.Name = "frame/abc" },
		"an offset without a pack":    func(e *Entry) { e.Pack = nil },
		"a digest of another kind":    func(e *Entry) { e.Sum.Algorithm = "md5" },
		"a digest that leads outside": func(e *Entry) { e.Pack.Digest.Hex = "../../" + digit("c").Hex[:58] },
		"an end after that of a pack": func(e *Entry) { e.Offset = 5 },
		"an overflow":                 func(e *Entry) { e.Offset = 1<<63 - 1 },
		"a negative size":             func(e *Entry) { e.Size = -1 },
		"a pack that is too large":    func(e *Entry) { e.Pack.Size = maxPack + 1 },
		"content that is too large":   func(e *Entry) { e.Pack, e.Offset, e.Size = nil, 0, maxContent+1 },
	} {
		e := valid
		pack := *valid.Pack
		e.Pack = &pack
		change(&e)
		if e.check() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// Of several entries of one name, the newest counts. A clock that is wrong does not make one count for ever.
func TestTheNewestEntryCounts(t *testing.T) {
	now := time.Now().Unix()
	old, fresh := Entry{Sum: digit("a"), Made: 10, Used: 10}, Entry{Sum: digit("b"), Made: now - 1, Used: now}
	future := Entry{Sum: digit("c"), Made: now + 1e6}
	if got := unite([]Entry{old, fresh}, now); got[0].Sum != fresh.Sum || got[1].Sum != old.Sum {
		t.Errorf("the order is %v", got)
	}
	if fresh.newer(future, now+2) || future.newer(Entry{Made: now + 3}, now+2) {
		t.Error("an entry of the future is newer than one that was made now")
	}
	used := old
	used.Used, used.Signature = 20, []byte("s")
	if got := unite([]Entry{old, used}, now); len(got) != 1 || got[0].Used != 20 || got[0].Signature == nil {
		t.Errorf("two entries of the same content are %+v", got)
	}
}

// A fakePlace has segments and blobs in memory.
type fakePlace struct {
	Place
	name     string
	segments map[string][]byte
	blobs    map[string][]byte
}

func newFakePlace(name string) *fakePlace {
	return &fakePlace{name: name, segments: map[string][]byte{}, blobs: map[string][]byte{}}
}

func (f *fakePlace) String() string { return f.name }

func (f *fakePlace) Segments(context.Context) (names []string, err error) {
	return sortedKeys(f.segments), nil
}

func (f *fakePlace) Segment(_ context.Context, name string) ([]byte, error) {
	return f.segments[name], nil
}

func (f *fakePlace) AddSegment(_ context.Context, name string, raw []byte, blobs []Content, _ []Blob) error {
	f.segments[name] = raw
	for _, b := range blobs {
		r, err := b.Open()
		if err != nil {
			return err
		}
		if f.blobs[b.Digest.Hex], err = io.ReadAll(r); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakePlace) RemoveSegment(context.Context, string) error { return errors.ErrUnsupported }

func (f *fakePlace) Open(_ context.Context, b Blob) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(f.blobs[b.Digest.Hex])), nil
}

// A registry that does not delete keeps segments that others replace. They do not count, and are not replaced again.
func TestAPlaceThatDeletesNothing(t *testing.T) {
	place := newFakePlace("fake")
	for i := range manySegments + 2 {
		c := New(Options{From: []Place{place}, To: []Place{place}})
		c.Offer(t.Context(), "frame", string(rune('a'+i)), true, func() (io.ReadSeekCloser, error) { return InMemory([]byte{byte(i)}), nil })
		c.Flush(t.Context())
		c.Close()
	}
	idx, err := readIndex(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	if len(idx.segments) != 2 || len(idx.replaced) != manySegments+1 || len(idx.newest()) != manySegments+2 {
		t.Errorf("%d segments count, %d are replaced, and they have %d entries", len(idx.segments), len(idx.replaced), len(idx.newest()))
	}
}

// What was used is noted once a day, so that it is not pruned.
func TestUseIsNoted(t *testing.T) {
	place := newFakePlace("fake")
	long := time.Now().Add(-40 * day).Unix()
	s := segment{Entries: []Entry{
		{Name: nameOf("frame", "used"), Sum: digit("b"), Size: 3, Made: long, Used: long},
		{Name: nameOf("frame", "unused"), Sum: digit("c"), Size: 3, Made: long, Used: long},
	}}
	raw, name, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	place.segments[name] = raw
	for range 2 {
		c := New(Options{From: []Place{place}, To: []Place{place}})
		found, ok := c.Find(t.Context(), "frame", "used", true)
		if !ok {
			t.Fatal("it was not found")
		}
		c.Use(t.Context(), found, nil)
		c.Flush(t.Context())
		c.Close()
	}
	if len(place.segments) != 2 {
		t.Errorf("two uses on a day wrote %d segments, want 1", len(place.segments)-1)
	}
	idx, err := readIndex(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	kept := PruneOptions{OlderThan: 30 * day}.keep(idx.newest())
	if len(kept) != 1 || kept[0].Name != nameOf("frame", "used") {
		t.Errorf("after 40 days, %+v are kept", kept)
	}
}

// A segment that another program damaged does not hide the others.
func TestADamagedSegmentIsLeftOut(t *testing.T) {
	s := segment{Entries: []Entry{{Name: nameOf("frame", "key"), Sum: digit("b"), Size: 3}}}
	raw, name, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := json.Marshal(map[string]any{"entries": []map[string]any{{"name": "x"}}})
	if err != nil {
		t.Fatal(err)
	}
	place := &fakePlace{segments: map[string][]byte{name: raw, digit("1").Hex: []byte("{"), segmentName(wrong): wrong}}
	idx, err := readIndex(t.Context(), place)
	if err != nil || len(idx.newest()) != 1 || len(idx.broken) != 2 {
		t.Errorf("%d entries, %d broken segments (%v)", len(idx.newest()), len(idx.broken), err)
	}
}

// A fullPlace has no room.
type fullPlace struct{ *fakePlace }

func (fullPlace) AddSegment(context.Context, string, []byte, []Content, []Blob) error {
	return errors.New("no space left")
}

// What is offered without a context is added by Flush, and a problem with it is a warning of Flush.
func TestAProblemWithWhatWasOfferedLaterIsAWarning(t *testing.T) {
	display := progress.New(progress.None, io.Discard, progress.Options{})
	defer display.Close()
	ctx := progress.With(t.Context(), display)
	key := testKey(t)
	for _, full := range []bool{false, true} {
		fake := newFakePlace("fake")
		var place Place = fake
		if full {
			place = fullPlace{fake}
		}
		c := New(Options{To: []Place{place}, Trusted: []*sign.PublicKey{key.PublicKey()}, Signer: func() (sign.Signer, error) { return key, nil }})
		c.OfferLater("record", "key", func() (io.ReadSeekCloser, error) { return InMemory([]byte("value")), nil })
		c.Flush(ctx)
		c.Close()
		if added := len(fake.segments) == 1; added == full {
			t.Errorf("full=%v: added: %v", full, added)
		}
	}
	if w := display.Warnings(); len(w) != 1 || !strings.Contains(w[0], "cannot be written, so nothing is added to it: no space left") {
		t.Errorf("warnings %q", w)
	}
}

// Small entries are written before they take much memory.
func TestPacksDoNotFillTheMemory(t *testing.T) {
	fake := newFakePlace("fake")
	c := New(Options{To: []Place{fake}})
	content := bytes.Repeat([]byte("x"), maxSmall)
	for i := range 3 * batchMemory / maxSmall {
		c.Offer(t.Context(), "frame", strconv.Itoa(i), true, func() (io.ReadSeekCloser, error) { return InMemory(content), nil })
	}
	c.Flush(t.Context())
	c.Close()
	if len(fake.segments) < 3 {
		t.Errorf("%d segments, want one for each %d bytes", len(fake.segments), batchMemory)
	}
}

func testKey(t *testing.T) *sign.PrivateKey {
	t.Helper()
	raw, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	key, err := sign.NewPrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// What was found in one place is added to the others, with its signature: that needs no private key.
func TestWhatWasFoundIsAddedToOtherPlaces(t *testing.T) {
	key := testKey(t)
	trusted := []*sign.PublicKey{key.PublicKey()}
	first, second := newFakePlace("first"), newFakePlace("second")
	content := bytes.Repeat([]byte("x"), maxSmall+1)
	open := func() (io.ReadSeekCloser, error) { return InMemory(content), nil }
	c := New(Options{To: []Place{first}, Trusted: trusted, Signer: func() (sign.Signer, error) { return key, nil }})
	c.Offer(t.Context(), "frame", "key", false, open)
	c.Flush(t.Context())
	c.Close()
	c = New(Options{From: []Place{first}, To: []Place{first, second}, Trusted: trusted})
	found, ok := c.Find(t.Context(), "frame", "key", false)
	if !ok {
		t.Fatal("the first place does not have it")
	}
	c.Use(t.Context(), found, open)
	c.Flush(t.Context())
	c.Close()
	if len(first.segments) != 1 {
		t.Errorf("the first place has %d segments, want 1", len(first.segments))
	}
	c = New(Options{From: []Place{second}, Trusted: trusted})
	defer c.Close()
	if found, ok = c.Find(t.Context(), "frame", "key", false); !ok {
		t.Fatal("the second place does not have it")
	}
	var got bytes.Buffer
	if err := found.CopyTo(t.Context(), &got); err != nil || !bytes.Equal(got.Bytes(), content) {
		t.Errorf("it has %d bytes (%v)", got.Len(), err)
	}
}

// Content whose digest is known is read only to be sent.
func TestAKnownBlobIsReadOnce(t *testing.T) {
	place := newFakePlace("place")
	content := bytes.Repeat([]byte("x"), maxSmall+1)
	opened := 0
	c := New(Options{To: []Place{place}})
	digest, size, err := v1.SHA256(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	c.OfferBlob(t.Context(), "content", digest.String(), true, Blob{digest, size}, func() (io.ReadSeekCloser, error) {
		opened++
		return InMemory(content), nil
	})
	c.Flush(t.Context())
	c.Close()
	if opened != 1 || !bytes.Equal(place.blobs[digest.Hex], content) {
		t.Errorf("it was opened %d times, and has %d bytes", opened, len(place.blobs[digest.Hex]))
	}
}
