package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/images/store"
)

// ParseAge reads an age such as 90m, 12h or 7d; empty is none.
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
	return 0, usage(fmt.Errorf("age %q: want a number of days, hours or minutes such as 7d, 12h or 90m", s))
}

// CleanCache removes from the content cache what was not used for age; without
// an age, all of it. It returns how many bytes that freed.
func CleanCache(ctx context.Context, s Settings, age time.Duration) (freed int64, err error) {
	cache, err := store.Open(filepath.Join(s.Cache, "content"))
	if err != nil {
		return 0, fmt.Errorf("opening the content cache: %w", err)
	}
	freed, err = cache.Prune(ctx, store.PruneOptions{All: age == 0, OlderThan: age})
	if age == 0 {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.Cache, "compile")))
	}
	return freed, err
}
