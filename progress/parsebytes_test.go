package progress_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/progress"
)

func TestParseBytes(t *testing.T) {
	got := map[string]int64{}
	for _, s := range []string{"20MiB", "1.5 GiB", "100", "5KB", "7B", "", "MiB", "-1MiB", "0", "1e30GB", "NaN", "20 MB please", "0x10"} {
		n, err := progress.ParseBytes(s)
		if err != nil {
			n = -1
		}
		got[s] = n
	}
	want := map[string]int64{
		"20MiB": 20 << 20, "1.5 GiB": 3 << 29, "100": 100, "5KB": 5000, "7B": 7,
		"": -1, "MiB": -1, "-1MiB": -1, "0": -1, "1e30GB": -1, "NaN": -1, "20 MB please": -1, "0x10": -1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sizes (-want +got):\n%s", diff)
	}
}
