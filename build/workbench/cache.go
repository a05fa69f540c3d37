package workbench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/usage"
)

// ParseAge parses a number of days, hours or minutes, such as 7d, 12h or 90m. It returns 0 for "".
func ParseAge(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n < 100_000 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return d, nil
	}
	return 0, usage.Errorf("age %q: want a number of days, hours or minutes such as 7d, 12h or 90m", s)
}

// openCache opens the content cache.
func openCache(dir string) (*store.Store, error) {
	cache, err := store.Open(filepath.Join(dir, "content"))
	if err != nil {
		return nil, fmt.Errorf("opening the content cache: %w: set SLIPWAY_CACHE to a writable folder", err)
	}
	return cache, nil
}

// CleanCache removes the content that has not been used for age from the content cache in dir, and then the least
// recently used content until at most size bytes are left. If both are 0, it removes everything. It returns the
// number of bytes freed.
func CleanCache(ctx context.Context, dir string, age time.Duration, size int64) (freed int64, err error) {
	cache, err := openCache(dir)
	if err != nil {
		return 0, err
	}
	defer cache.Close()
	all := age == 0 && size == 0
	freed, err = cache.Prune(ctx, store.PruneOptions{All: all, OlderThan: age, MaxSize: size})
	if all {
		err = errors.Join(err, fileop.RemoveAll(filepath.Join(dir, "compile")))
	}
	return freed, err
}

// DefaultCacheSize is the limit of the content cache, in bytes: enough for a few releases of a large distribution
// with their frames.
const DefaultCacheSize = 64 << 30

// tidyEvery is the interval between two runs of Tidy that look through the cache.
const tidyEvery = 24 * time.Hour

// Tidy waits until shared caches have what was made, and keeps the content cache within its limit, once a day. It runs
// after the work of a command, which does not depend on it, so it ignores errors; CleanCache reports the same ones.
func (w *Workbench) Tidy(ctx context.Context) {
	w.Shared.Flush(ctx)
	const kind, key = "tidied", "last"
	raw, _ := w.Cache.Record(ctx, kind, key)
	if last, err := time.Parse(time.RFC3339, string(raw)); err == nil && time.Since(last) < tidyEvery {
		return
	}
	if _, err := w.Cache.Prune(ctx, store.PruneOptions{MaxSize: w.options.CacheSize}); err == nil {
		_ = w.Cache.SetRecord(kind, key, []byte(time.Now().UTC().Format(time.RFC3339)))
	}
}
