package cli

import (
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/internal/usage"
)

// writeShards prints how the release is divided: as a table, or as a list for the matrix of a CI job. Shards without a
// step are left out.
func (p *Program) writeShards(whole *plan.Plan, of int, asJSON bool) error {
	if of < 1 || of > plan.MaxShards {
		return usage.Errorf("--shards %d: want a number from 1 to %d", of, plan.MaxShards)
	}
	sizes, err := p.settings.EarlierSizes()
	if err != nil {
		return err
	}
	shards := []plan.ShardSteps{}
	for _, s := range whole.Shards(of, sizes) {
		if len(s.Steps) > 0 {
			shards = append(shards, s)
		}
	}
	if asJSON {
		return p.writeJSON(shards)
	}
	for _, s := range shards {
		if _, err := fmt.Fprintf(p.Stdout, "%s  %s\n", s.Shard, strings.Join(s.Steps, " ")); err != nil {
			return err
		}
	}
	return nil
}
