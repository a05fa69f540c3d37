package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// An index has the entries of a place.
type index struct {
	mu sync.Mutex
	// entries are the entries by name, the newest first.
	entries map[string][]Entry
	// segments are the names of the segments that count. replaced are those that the place still has, although others
	// replace them. broken are those that could not be understood, with the reasons.
	segments []string
	replaced []string
	broken   map[string]error
}

// segmentsAtOnce is the number of segments that are read at the same time.
const segmentsAtOnce = 8

// readIndex reads all segments of a place. A segment that disappears meanwhile has been replaced by another one, so
// reading starts over.
func readIndex(ctx context.Context, place Place) (*index, error) {
	for attempt := 0; ; attempt++ {
		idx, err := readSegments(ctx, place)
		if !errors.Is(err, fs.ErrNotExist) || attempt == 4 {
			return idx, err
		}
	}
}

func readSegments(ctx context.Context, place Place) (*index, error) {
	names, err := place.Segments(ctx)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > maxSegments {
		return nil, fmt.Errorf("it has %d segments, more than %d; run: slipway cache prune", len(names), maxSegments)
	}
	read := make([]segment, len(names))
	broken := make([]error, len(names))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(segmentsAtOnce)
	for i, name := range names {
		group.Go(func() error {
			raw, err := place.Segment(groupCtx, name)
			if err != nil {
				return fmt.Errorf("segment %s: %w", name, err)
			}
			read[i], broken[i] = decodeSegment(name, raw)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return join(names, read, broken)
}

// join returns the index of segments. Those that another one replaces do not count.
func join(names []string, read []segment, broken []error) (*index, error) {
	idx := &index{entries: map[string][]Entry{}, broken: map[string]error{}}
	replaced := map[string]bool{}
	for i, s := range read {
		if broken[i] == nil {
			for _, name := range s.Replaces {
				replaced[name] = true
			}
		}
	}
	now, count := time.Now().Unix(), 0
	for i, s := range read {
		switch {
		case replaced[names[i]]:
			idx.replaced = append(idx.replaced, names[i])
			continue
		case broken[i] != nil:
			idx.broken[names[i]] = broken[i]
			idx.segments = append(idx.segments, names[i])
			continue
		}
		idx.segments = append(idx.segments, names[i])
		if count += len(s.Entries); count > maxEntries {
			return nil, fmt.Errorf("it has more than %d entries; run: slipway cache prune", maxEntries)
		}
		for _, e := range s.Entries {
			idx.entries[e.Name] = append(idx.entries[e.Name], e)
		}
	}
	for name, all := range idx.entries {
		idx.entries[name] = unite(all, now)
	}
	return idx, nil
}

// unite sorts entries of one name, the newest first, and joins those that have the same content in the same place.
func unite(all []Entry, now int64) []Entry {
	slices.SortStableFunc(all, func(a, b Entry) int {
		switch {
		case a.newer(b, now):
			return -1
		case b.newer(a, now):
			return 1
		}
		return 0
	})
	var out []Entry
	for _, e := range all {
		same := slices.IndexFunc(out, func(o Entry) bool { return o.Sum == e.Sum && o.blob() == e.blob() && o.Offset == e.Offset })
		if same < 0 {
			out = append(out, e)
			continue
		}
		out[same].Used = max(out[same].Used, min(e.Used, now))
		if out[same].Signature == nil {
			out[same].Signature = e.Signature
		}
	}
	return out
}

// of returns the entries of a name.
func (i *index) of(name string) []Entry {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.entries[name])
}

// add adds an entry as the newest of its name.
func (i *index) add(e Entry) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.entries[e.Name] = append([]Entry{e}, i.entries[e.Name]...)
}

// drop removes an entry.
func (i *index) drop(e Entry) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.entries[e.Name] = slices.DeleteFunc(i.entries[e.Name], func(o Entry) bool { return o.blob() == e.blob() && o.Offset == e.Offset })
}

// newest returns the newest entry of each name, ordered by name.
func (i *index) newest() []Entry {
	i.mu.Lock()
	defer i.mu.Unlock()
	var all []Entry
	for _, name := range slices.Sorted(maps.Keys(i.entries)) {
		if found := i.entries[name]; len(found) > 0 {
			all = append(all, found[0])
		}
	}
	return all
}
