package record

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/slipway-build/slipway/build/why"
	"github.com/slipway-build/slipway/progress"
)

// kind is the kind of records of runs in the cache. That of a run has the key of its place, and the list of the places of
// a dist has the key dist.
const kind = "runs"

// A place is where the last record of a command and a shard is.
type place struct {
	Command string `json:"command"`
	Shard   string `json:"shard,omitempty"`
}

func (p place) key(dist string) string { return dist + "\n" + p.Command + "\n" + p.Shard }

// Keep stores the record of a run that wrote to dist, an absolute path. It replaces that of the last run of the same
// command and shard.
func (r *Record) Keep(ctx context.Context, m why.Memory, dist string) error {
	raw, err := r.encode()
	if err != nil {
		return err
	}
	if len(raw) > maxSize {
		return fmt.Errorf("the record of the run has %d bytes; the maximum is %d", len(raw), maxSize)
	}
	at := place{r.Command, r.Shard}
	if err := m.SetRecord(kind, at.key(dist), raw); err != nil {
		return err
	}
	list := places(ctx, m, dist)
	if slices.Contains(list, at) {
		return nil
	}
	if raw, err = json.Marshal(append(list, at)); err != nil {
		return err
	}
	return m.SetRecord(kind, dist, raw)
}

func places(ctx context.Context, m why.Memory, dist string) (list []place) {
	if raw, ok := m.Record(ctx, kind, dist); ok && json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}

// Kept returns the last records of each command and shard that wrote to dist, in the order in which the runs began. One
// that cannot be read is a warning.
func Kept(ctx context.Context, m why.Memory, dist string) []*Record {
	var kept []*Record
	for _, at := range places(ctx, m, dist) {
		raw, ok := m.Record(ctx, kind, at.key(dist))
		if !ok {
			continue // it was pruned
		}
		r, err := decode(raw)
		if err != nil {
			run := &Record{Command: at.Command, Shard: at.Shard}
			progress.Warn(ctx, fmt.Sprintf("leaving out the run of %s that the cache has: %v", run.Title(), err))
			continue
		}
		kept = append(kept, r)
	}
	slices.SortStableFunc(kept, func(a, b *Record) int { return a.Started.Compare(b.Started) })
	return kept
}
