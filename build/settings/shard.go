package settings

import (
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
)

// ParseShard returns the shard that a run makes, which is zero if the release is not divided.
func (s Settings) ParseShard() (plan.Shard, error) {
	if s.Shard == "" {
		return plan.Shard{}, nil
	}
	shard, err := plan.ParseShard(s.Shard)
	if err == nil {
		shard.Sizes, err = s.EarlierSizes()
	}
	return shard, err
}

// EarlierSizes returns the sizes of the steps of the release before, by which shards are divided. They are nil without
// its report.
func (s Settings) EarlierSizes() (map[plan.StepName]int64, error) {
	report, err := s.CI.ReadPrevious()
	if report == nil || err != nil {
		return nil, err
	}
	sizes := map[plan.StepName]int64{}
	for _, m := range report.Made {
		sizes[plan.StepName{Kind: m.Kind, Name: m.Name, Platform: images.FormatPlatform(m.Platform.Platform)}] += m.Size
	}
	return sizes, nil
}
