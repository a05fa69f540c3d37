package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Size prints the exact size of the delta that diff writes, in all its forms, also for the dist of a release.
func TestSize(t *testing.T) {
	dir, config := project(t)
	if status, _, stderr := run(t, nil, "package", "--config", config); status != 0 {
		t.Fatal(stderr)
	}
	dist := filepath.Join(dir, "dist")
	found, err := filepath.Glob(filepath.Join(dist, "artifacts", "*linux-amd64.tar.zst"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no archive: %v", err)
	}
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir()}
	delta := filepath.Join(t.TempDir(), "delta")
	if status, _, stderr := run(t, env, "airgap", "diff", found[0], found[0], "-o", delta); status != 0 {
		t.Fatal(stderr)
	}
	info, err := os.Stat(delta)
	if err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := run(t, env, "size", found[0], found[0], "--json")
	var s sizes
	if err := json.Unmarshal([]byte(stdout), &s); status != 0 || err != nil || len(s.Updates) != 1 || s.Updates[0].Total.Delta != info.Size() {
		t.Errorf("want a delta of %d bytes: exit status %d, %v\n%s%s", info.Size(), status, err, stdout, stderr)
	}
	for _, args := range [][]string{{"size", dist, dist}, {"size", dist, dist, "--markdown"}} {
		status, stdout, stderr := run(t, env, args...)
		_, again, _ := run(t, env, args...)
		if status != 0 || !strings.Contains(stdout, fmt.Sprint(info.Size())) || !strings.Contains(stdout, "other images") || stdout != again {
			t.Errorf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
	if status, _, stderr := run(t, env, "size", t.TempDir(), dist); status != 2 || !strings.Contains(stderr, "no archive found in") {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	if status, _, _ := run(t, env, "size", dist, dist, "--json", "--markdown"); status != 2 {
		t.Errorf("exit status %d", status)
	}
}
