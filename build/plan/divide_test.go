package plan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/images"
)

// unitsOf makes a unit of one step for each size, whose name has its place.
func unitsOf(t *testing.T, platform string, sizes ...int64) (units []unit) {
	t.Helper()
	parsed, err := images.ParsePlatform(platform)
	if err != nil {
		t.Fatal(err)
	}
	for i, size := range sizes {
		units = append(units, unit{steps: []targetStep{{name: fmt.Sprint(i), platform: parsed}}, size: size})
	}
	return units
}

func sizeOfUnits(units []unit) (size int64) {
	for _, u := range units {
		size += u.size
	}
	return size
}

// format returns the units of each shard, such as "0@linux/amd64 2@linux/amd64".
func format(shards [][]unit) (out []string) {
	for _, units := range shards {
		var names []string
		for _, u := range units {
			names = append(names, u.steps[0].name+"@"+images.FormatPlatform(u.steps[0].platform))
		}
		out = append(out, strings.Join(names, " "))
	}
	return out
}

func TestDivision(t *testing.T) {
	linux := func(sizes ...int64) []unit { return unitsOf(t, "linux/amd64", sizes...) }
	for _, c := range []struct {
		name  string
		units []unit
		of    int
		want  []string
	}{
		// In their order, the two largest would be in one shard.
		{"neighbours that are large", linux(1, 9, 9, 1, 2), 2, []string{"1@linux/amd64 4@linux/amd64", "2@linux/amd64 0@linux/amd64 3@linux/amd64"}},
		{"equal sizes", linux(5, 5, 5, 5), 2, []string{"0@linux/amd64 2@linux/amd64", "1@linux/amd64 3@linux/amd64"}},
		{"more shards than units", linux(4, 4), 4, []string{"0@linux/amd64", "1@linux/amd64", "", ""}},
		{"platforms with shards of their own", slices.Concat(linux(4, 2), unitsOf(t, "linux/arm64", 2, 4)), 2,
			[]string{"0@linux/amd64 1@linux/amd64", "1@linux/arm64 0@linux/arm64"}},
		{"a platform in part of a shard", slices.Concat(linux(4, 4), unitsOf(t, "linux/arm64", 2), unitsOf(t, "windows/amd64", 2)), 3,
			[]string{"0@linux/amd64", "1@linux/amd64", "0@linux/arm64 0@windows/amd64"}},
		{"nothing", nil, 2, []string{"", ""}},
		{"units without a size", linux(0, 0), 2, []string{"", "0@linux/amd64 1@linux/amd64"}},
		{"very large sizes", linux(math.MaxInt64/4, math.MaxInt64/4, math.MaxInt64/4), MaxShards, nil},
	} {
		got := format(divideUnits(c.units, c.of))
		if c.want == nil {
			got, c.want = slices.DeleteFunc(got, func(s string) bool { return s == "" }), format([][]unit{c.units[:1], c.units[1:2], c.units[2:]})
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// best returns the size of the largest shard in the best division.
func best(sizes []int64, of int) int64 {
	found := int64(math.MaxInt64)
	loads := make([]int64, of)
	var place func(i int)
	place = func(i int) {
		if largest := slices.Max(loads); largest >= found {
			return
		} else if i == len(sizes) {
			found = largest
			return
		}
		for n := range loads {
			loads[n] += sizes[i]
			place(i + 1)
			if loads[n] -= sizes[i]; loads[n] == 0 {
				return // the other empty shards are the same
			}
		}
	}
	place(0)
	return found
}

// The bound is that of Graham for LPT, 4/3 - 1/(3 shards).
func TestTheLargestShardIsAtMostAThirdLargerThanTheBest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		of, sizes := 2+random.IntN(3), make([]int64, 1+random.IntN(10))
		for i := range sizes {
			sizes[i] = 60 * (1 + random.Int64N(1+random.Int64N(100))) // of sizes that every number of shards divides
		}
		var largest int64
		for _, units := range divideUnits(unitsOf(t, "linux/amd64", sizes...), of) {
			largest = max(largest, sizeOfUnits(units))
		}
		if want := best(sizes, of); 3*int64(of)*largest > (4*int64(of)-1)*want {
			t.Errorf("%v in %d shards: the largest has %d, and %d in the best division", sizes, of, largest, want)
		}
	}
}

// Each unit is in one shard, no shard exceeds an equal part by more than the largest unit, and the platforms of all shards
// are in order.
func TestDivisionOfSeveralPlatforms(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var units []unit
		var largest int64
		for _, platform := range []string{"linux/amd64", "linux/arm64", "linux/riscv64", "linux/s390x", "windows/amd64"} {
			sizes := make([]int64, random.IntN(8))
			for i := range sizes {
				sizes[i] = 1 + random.Int64N(1+random.Int64N(1000))
				largest = max(largest, sizes[i])
			}
			units = append(units, unitsOf(t, platform, sizes...)...)
		}
		of := 1 + random.IntN(12)
		shards := divideUnits(units, of)
		if again := divideUnits(units, of); !slices.Equal(format(shards), format(again)) {
			t.Fatalf("two divisions differ:\n%q\n%q", format(shards), format(again))
		}
		want, got := strings.Fields(strings.Join(format([][]unit{units}), " ")), strings.Fields(strings.Join(format(shards), " "))
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%d shards (-want +got):\n%s", of, diff)
		}
		share, before := sizeOfUnits(units)/int64(of)+1, ""
		for i, s := range shards {
			if size := sizeOfUnits(s); size > share+largest {
				t.Errorf("shard %d of %d has %d: more than %d and the largest unit, %d: %q", i+1, of, size, share, largest, format(shards))
			}
			for _, u := range s {
				platform := images.FormatPlatform(u.steps[0].platform)
				if platform < before { // these names sort as the platforms do
					t.Errorf("%s is after %s: %q", platform, before, format(shards))
				}
				before = platform
			}
		}
	}
}
