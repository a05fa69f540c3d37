package arrange

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/slipway-build/slipway/images/airgap/format"
)

// A group is a sequence of layers that may become a run.
type group struct {
	members []int // indexes in the list of layers
	sketch  sketch
}

// maxRelatives is the largest number of relatives of a group. Comparing each group with each other one
// would take time that grows with the square of their number.
const maxRelatives = 64

// A matcher joins groups that save the most first.
type matcher struct {
	// groups has nil in place of a group that became part of another one.
	groups []*group
	// relatives are, for each group, the indexes of the groups that it is compared with: those
	// that have the most marks in common with it.
	relatives []map[int]bool
	queue     pairQueue
	// compared counts comparisons, for tests.
	compared int
}

// A pair is two groups, and the number of bytes that are saved if the second follows the first.
type pair struct {
	first, second int // indexes in groups
	a, b          *group
	saves         int64
}

func (m *matcher) joinAll() {
	m.findRelatives()
	for i := range m.groups {
		for j := range m.relatives[i] {
			if i < j {
				m.compare(i, j)
			}
		}
	}
	for m.queue.Len() > 0 {
		best := heap.Pop(&m.queue).(pair)
		if m.groups[best.first] == best.a && m.groups[best.second] == best.b {
			m.join(best)
		}
	}
}

// join joins the groups of a pair, in place of the first. The new group has the relatives of both, and
// no group gets more relatives than it had.
func (m *matcher) join(p pair) {
	m.groups[p.first] = &group{members: slices.Concat(p.a.members, p.b.members), sketch: p.a.sketch.followed(p.b.sketch)}
	m.groups[p.second] = nil
	near := m.relatives[p.first]
	for i := range m.relatives[p.second] {
		near[i] = true
	}
	m.relatives[p.second] = nil
	type saving struct {
		place int
		bytes int64
	}
	var savings []saving
	for i := range near {
		if i != p.first && m.groups[i] != nil {
			delete(m.relatives[i], p.second)
			m.relatives[i][p.first] = true
			savings = append(savings, saving{i, m.compare(i, p.first)})
		}
	}
	slices.SortFunc(savings, func(a, b saving) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.place, b.place))
	})
	clear(near)
	for _, s := range savings[:min(len(savings), maxRelatives)] {
		near[s.place] = true
	}
}

// compare queues both orders of two groups, and returns how many bytes the better one saves.
func (m *matcher) compare(i, j int) (most int64) {
	a, b := m.groups[i], m.groups[j]
	if a.sketch.size+b.sketch.size > groupLimit {
		return 0
	}
	m.compared++
	ab, ba := a.sketch.saves(b.sketch, format.MaxWindow)
	least := min(a.sketch.size, b.sketch.size) / relatedPart
	for _, p := range []pair{{i, j, a, b, ab}, {j, i, b, a, ba}} {
		if p.saves > 0 && p.saves >= least {
			heap.Push(&m.queue, p)
			most = max(most, p.saves)
		}
	}
	return most
}

// findRelatives finds the relatives of each group. Of the groups that have a mark in common, it looks
// at the next maxRelatives in the list only.
func (m *matcher) findRelatives() {
	type sighting struct {
		hash  uint32
		group int32
	}
	var sightings []sighting
	for i, f := range m.groups {
		for _, mark := range f.sketch.marks {
			sightings = append(sightings, sighting{mark.hash, int32(i)})
		}
	}
	byHash := func(a, b sighting) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.group, b.group))
	}
	slices.SortFunc(sightings, byHash)
	m.relatives = make([]map[int]bool, len(m.groups))
	for i := range m.relatives {
		m.relatives[i] = map[int]bool{}
	}
	common := make([]int64, len(m.groups)) // marks in common with the current group
	for i, f := range m.groups {
		var near []int
		for _, mark := range f.sketch.marks {
			at, _ := slices.BinarySearchFunc(sightings, sighting{mark.hash, int32(i)}, byHash)
			for _, s := range sightings[at+1 : min(at+1+maxRelatives, len(sightings))] {
				if s.hash != mark.hash {
					break
				}
				if common[s.group] == 0 {
					near = append(near, int(s.group))
				}
				common[s.group]++
			}
		}
		slices.SortFunc(near, func(a, b int) int { return cmp.Or(cmp.Compare(common[b], common[a]), cmp.Compare(a, b)) })
		for _, j := range near[:min(len(near), maxRelatives)] {
			m.relatives[i][j], m.relatives[j][i] = true, true
		}
		for _, j := range near {
			common[j] = 0
		}
	}
}

// A pairQueue is a heap. On top is the pair that saves the most; of several, that of the first groups.
type pairQueue []pair

func (q pairQueue) Len() int      { return len(q) }
func (q pairQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q pairQueue) Less(i, j int) bool {
	a, b := q[i], q[j]
	return cmp.Or(cmp.Compare(b.saves, a.saves), cmp.Compare(a.first, b.first), cmp.Compare(a.second, b.second)) < 0
}
func (q *pairQueue) Push(x any) { *q = append(*q, x.(pair)) }
func (q *pairQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}
