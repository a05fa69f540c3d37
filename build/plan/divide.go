package plan

import (
	"cmp"
	"slices"

	"github.com/slipway-build/slipway/images"
)

// divide returns the units of each shard.
func (p *Plan) divide(s Shard) [][]unit { return divideUnits(p.units(s.Sizes), s.Of) }

// divideUnits divides units, which are sorted by platform. A shard needs the tools of its platforms, so it has few: the
// platforms are laid end to end, each as long as its units have bytes, and cut into shards of equal length. The units of
// a platform are divided between the shards that have a part of it, by the LPT rule (Graham, Bounds on Multiprocessing
// Timing Anomalies, 1969): from the largest unit to the smallest, each goes to the shard with the most room.
//
// No shard exceeds its length by more than the largest unit. With one platform, the largest shard has at most 4/3 of the
// size that it has in the best division.
func divideUnits(units []unit, of int) [][]unit {
	var total int64
	for _, u := range units {
		total += u.size
	}
	end := func(shard int) int64 { // without an overflow of total*(shard+1)
		n, d := int64(shard+1), int64(of)
		return total/d*n + total%d*n/d
	}
	shards := make([][]unit, of)
	room := make([]int64, of) // in a shard, for the platforms so far
	first, start := 0, int64(0)
	for _, platform := range byPlatform(units) {
		stop := start
		for _, u := range platform {
			stop += u.size
		}
		for first < of-1 && end(first) <= start {
			first++
		}
		last := first
		for ; ; last++ {
			room[last] += min(stop, end(last)) - max(start, end(last-1))
			if last == of-1 || end(last) >= stop {
				break
			}
		}
		for _, u := range largestFirst(platform) {
			most := first
			for i := first + 1; i <= last; i++ {
				if room[i] > room[most] {
					most = i
				}
			}
			room[most] -= u.size
			shards[most] = append(shards[most], u)
		}
		start = stop
	}
	return shards
}

// byPlatform returns the units of each platform.
func byPlatform(units []unit) (platforms [][]unit) {
	for i, u := range units {
		if i == 0 || images.ComparePlatforms(u.steps[0].platform, units[i-1].steps[0].platform) != 0 {
			platforms = append(platforms, nil)
		}
		last := &platforms[len(platforms)-1]
		*last = append(*last, u)
	}
	return platforms
}

// largestFirst sorts units by size. Those of equal size stay in their order.
func largestFirst(units []unit) []unit {
	sorted := slices.Clone(units)
	slices.SortStableFunc(sorted, func(a, b unit) int { return cmp.Compare(b.size, a.size) })
	return sorted
}
