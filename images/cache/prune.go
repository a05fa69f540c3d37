package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func compareBlobs(a, b Blob) int { return strings.Compare(a.Digest.Hex, b.Digest.Hex) }

func compactBlobs(all []Blob) []Blob {
	slices.SortFunc(all, compareBlobs)
	return slices.Compact(all)
}

// manySegments is the number of segments from which a writer joins them. Reading that many takes a fraction of a
// second.
const manySegments = 16

// compact joins the segments of a place if there are many. Two writers that do so at the same time write the same
// entries twice, which does no harm.
func (w *writer) compact(ctx context.Context) error {
	idx := w.shelf.index(ctx)
	if idx == nil {
		return errUnread
	}
	idx.mu.Lock()
	segments, old := len(idx.segments), slices.Concat(idx.segments, idx.replaced)
	idx.mu.Unlock()
	entries := idx.newest()
	if segments <= manySegments || len(entries) > segmentEntries*manySegments/2 {
		return nil
	}
	names, err := replaceSegments(ctx, w.shelf.place, old, entries)
	if err != nil {
		return err
	}
	idx.mu.Lock()
	idx.segments, idx.replaced = names, nil
	idx.mu.Unlock()
	return nil
}

// replaceSegments writes entries in place of segments, and removes those, unless the place keeps them. It returns the
// names of the new segments, of which there is at least one: it says what it replaces.
func replaceSegments(ctx context.Context, place Place, old []string, entries []Entry) ([]string, error) {
	var names []string
	replaces := slices.Clone(old)
	parts := slices.Collect(slices.Chunk(entries, segmentEntries))
	if len(parts) == 0 {
		parts = [][]Entry{{}}
	}
	for _, part := range parts {
		s := segment{Replaces: replaces, Entries: part}
		raw, name, err := s.encode()
		if err != nil {
			return nil, err
		}
		if err := place.AddSegment(ctx, name, raw, nil, s.blobs()); err != nil {
			return nil, err
		}
		names = append(names, name)
		replaces = nil // the first one says it
	}
	for _, name := range old {
		if slices.Contains(names, name) {
			continue
		}
		if err := place.RemoveSegment(ctx, name); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errors.ErrUnsupported) {
			return nil, err
		}
	}
	return names, nil
}

// PruneOptions say what Prune keeps.
type PruneOptions struct {
	// All removes everything. OlderThan removes what has not been used for that time, and MaxSize then the least
	// recently used until the blobs have at most that many bytes. 0 means no limit.
	All       bool
	OlderThan time.Duration
	MaxSize   int64
}

// A PruneResult says what Prune did.
type PruneResult struct {
	Kept, Removed int   // entries
	Freed         int64 // bytes of blobs that were removed, or that the registry may remove
}

// pruneGrace is the age from which a blob that no segment names is a leftover. A writer adds blobs first.
const pruneGrace = 24 * time.Hour

// Prune removes entries of a place, segments that cannot be read, and blobs that no entry needs. Errors are returned:
// unlike a build, this is about the place.
func Prune(ctx context.Context, place Place, o PruneOptions) (PruneResult, error) {
	idx, err := readIndex(ctx, place)
	if err != nil {
		return PruneResult{}, fmt.Errorf("reading the shared cache %s: %w", place, err)
	}
	all := idx.newest()
	kept := o.keep(all)
	result := PruneResult{Kept: len(kept), Removed: len(all) - len(kept)}
	needed := map[Blob]bool{}
	for _, e := range kept {
		needed[e.blob()] = true
	}
	for _, b := range (segment{Entries: all}).blobs() {
		if !needed[b] {
			result.Freed += b.Size
		}
	}
	if len(kept) < len(all) || len(idx.broken) > 0 || len(idx.segments) > manySegments {
		if _, err := replaceSegments(ctx, place, slices.Concat(idx.segments, idx.replaced), kept); err != nil {
			return PruneResult{}, fmt.Errorf("pruning the shared cache %s: %w", place, err)
		}
	}
	if err := removeBlobs(ctx, place, needed, all, o.All); err != nil {
		return PruneResult{}, fmt.Errorf("pruning the shared cache %s: %w", place, err)
	}
	return result, nil
}

// keep returns the entries to keep.
func (o PruneOptions) keep(all []Entry) []Entry {
	if o.All {
		return nil
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b Entry) int { return cmp.Compare(b.Used, a.Used) })
	var (
		kept []Entry
		size int64
		seen = map[Blob]bool{}
	)
	for _, e := range sorted {
		if o.OlderThan > 0 && time.Since(time.Unix(e.Used, 0)) > o.OlderThan {
			continue
		}
		if !seen[e.blob()] {
			if o.MaxSize > 0 && size+e.blob().Size > o.MaxSize {
				continue
			}
			seen[e.blob()] = true
			size += e.blob().Size
		}
		kept = append(kept, e)
	}
	return kept
}

// removeBlobs removes the blobs that are not needed. Those that no entry had may belong to a writer at work, unless
// they are old.
func removeBlobs(ctx context.Context, place Place, needed map[Blob]bool, had []Entry, all bool) error {
	blobs, err := place.Blobs(ctx)
	if err != nil || blobs == nil {
		return err
	}
	keep, known := map[string]bool{}, map[string]bool{}
	for b := range needed {
		keep[b.Digest.Hex] = true
	}
	for _, e := range had {
		known[e.blob().Digest.Hex] = true
	}
	for digest, added := range blobs {
		if keep[digest.Hex] || !all && !known[digest.Hex] && time.Since(added) < pruneGrace {
			continue
		}
		if err := place.RemoveBlob(ctx, digest); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// A Summary says what a place has.
type Summary struct {
	Place    string        `json:"place"`
	Segments int           `json:"segments"`
	Entries  int           `json:"entries"`
	Size     int64         `json:"size"` // bytes of blobs
	Kinds    []KindSummary `json:"kinds"`
}

// A KindSummary says what a place has of one kind.
type KindSummary struct {
	Kind    string    `json:"kind"`
	Entries int       `json:"entries"`
	Size    int64     `json:"size"`   // bytes of content
	Signed  int       `json:"signed"` // entries with a signature
	Oldest  time.Time `json:"oldest"` // the time of last use
	Newest  time.Time `json:"newest"`
}

// List returns the entries of a place, ordered by name. Of several with one name, only the newest counts.
func List(ctx context.Context, place Place) ([]Entry, error) {
	idx, err := readIndex(ctx, place)
	if err != nil {
		return nil, fmt.Errorf("reading the shared cache %s: %w", place, err)
	}
	return idx.newest(), nil
}

// Summarize says what a place has.
func Summarize(ctx context.Context, place Place) (Summary, error) {
	idx, err := readIndex(ctx, place)
	if err != nil {
		return Summary{}, fmt.Errorf("reading the shared cache %s: %w", place, err)
	}
	all := idx.newest()
	s := Summary{Place: place.String(), Segments: len(idx.segments), Entries: len(all), Kinds: []KindSummary{}}
	for _, b := range (segment{Entries: all}).blobs() {
		s.Size += b.Size
	}
	kinds := map[string]*KindSummary{}
	for _, e := range all {
		k := kinds[e.Kind()]
		used := time.Unix(e.Used, 0).UTC()
		if k == nil {
			k = &KindSummary{Kind: e.Kind(), Oldest: used, Newest: used}
			kinds[e.Kind()] = k
		}
		k.Entries++
		k.Size += e.Size
		if e.Signature != nil {
			k.Signed++
		}
		if used.Before(k.Oldest) {
			k.Oldest = used
		}
		if used.After(k.Newest) {
			k.Newest = used
		}
	}
	for _, name := range sortedKeys(kinds) {
		s.Kinds = append(s.Kinds, *kinds[name])
	}
	return s, nil
}
