package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/plan"
)

func TestPlanPrintsShards(t *testing.T) {
	dir, _ := project(t)
	env := map[string]string{"SLIPWAY_PROJECT": dir, "SLIPWAY_CACHE": t.TempDir(), "PROGRESS": "none"}
	status, out, stderr := run(t, env, "plan", "--shards", "2", "--json")
	var shards []plan.ShardSteps
	if err := json.Unmarshal([]byte(out), &shards); err != nil || status != 0 {
		t.Fatal(status, err, stderr, out)
	}
	if len(shards) != 2 || shards[0].Shard != "1/2" || len(shards[0].Steps) == 0 || shards[1].Size <= 0 {
		t.Errorf("%+v", shards)
	}
	// A shard without a step is left out.
	if status, out, _ := run(t, env, "plan", "--shards", "1000"); status != 0 || strings.Count(out, "/1000  ") != strings.Count(out, "\n") || strings.Count(out, "\n") > 20 {
		t.Errorf("status %d:\n%s", status, out)
	}
	for _, c := range []struct{ args, want string }{
		{"plan --shards 0", "--shards 0: want a number from 1 to 1000"},
		{"plan --shards 2000000000", "--shards 2000000000: want a number from 1 to 1000"},
		{"build --shard 3/2", `shard "3/2": want NUMBER/OF, such as 2/5`},
		{"build --shard 1/2 acme", "--shard (environment SLIPWAY_SHARD) 1/2 and acme: want one of them"},
	} {
		if status, _, stderr := run(t, env, strings.Fields(c.args)...); status != 2 || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: status %d, %s; want 2, %s", c.args, status, stderr, c.want)
		}
	}
	// A dry run prints the steps of the shard.
	if status, out, stderr := run(t, env, "package", "--dry-run", "--json", "--shard", "2/2"); status != 0 || !strings.Contains(out, `"binaries"`) {
		t.Errorf("status %d: %s%s", status, out, stderr)
	}
}
