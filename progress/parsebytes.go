package progress

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseBytes parses a size: 20MiB, 1.5 GB, 4096. Units are B, KB, MB, GB and KiB, MiB, GiB; a
// number without a unit is in bytes. A size must be positive.
func ParseBytes(s string) (int64, error) {
	for _, unit := range suffixes {
		number, ok := strings.CutSuffix(s, unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || math.IsNaN(n) || n <= 0 || n*unit.bytes >= math.MaxInt64 {
			break
		}
		return int64(n * unit.bytes), nil
	}
	return 0, fmt.Errorf("%q is not a size: want a number and a unit, such as 20MiB", s)
}

// suffixes are the units, longer ones first.
var suffixes = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9},
	{"B", 1}, {"", 1},
}
