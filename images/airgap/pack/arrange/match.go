package arrange

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/slipway-build/slipway/images/airgap/format"
)

// A family is a sequence of layers that become a frame.
type family struct {
	members []int // places in the list of layers
	sketch  sketch
}

// maxRelatives is how many other families a family is compared with: those with which it has
// the most marks in common. Comparing each with each would take time that grows with the
// square of their number.
const maxRelatives = 64

// A matcher joins families, those that save the most first.
type matcher struct {
	// families are nil once they are part of another.
	families []*family
	// relatives are the places of the families that each is compared with.
	relatives []map[int]bool
	queue     pairQueue
	// compared counts the pairs of sketches that were compared.
	compared int
}

// A pair is a family that might follow another one, and how many bytes that saves.
type pair struct {
	first, second int // places in families
	a, b          *family
	saves         int64
}

func (m *matcher) joinAll() {
	m.findRelatives()
	for i := range m.families {
		for j := range m.relatives[i] {
			if i < j {
				m.compare(i, j)
			}
		}
	}
	for m.queue.Len() > 0 {
		best := heap.Pop(&m.queue).(pair)
		if m.families[best.first] == best.a && m.families[best.second] == best.b {
			m.join(best)
		}
	}
}

// join makes the families of a pair one, in the place of the first. Its relatives are those
// of both; theirs do not become more.
func (m *matcher) join(p pair) {
	m.families[p.first] = &family{members: slices.Concat(p.a.members, p.b.members), sketch: p.a.sketch.followed(p.b.sketch)}
	m.families[p.second] = nil
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
		if i != p.first && m.families[i] != nil {
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

// compare finds out what two families save when one follows the other, queues both
// ways, and returns the better.
func (m *matcher) compare(i, j int) (most int64) {
	a, b := m.families[i], m.families[j]
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

// findRelatives finds the relatives of each family. Where a mark is in very many families,
// each sees only the next of them in the list.
func (m *matcher) findRelatives() {
	type sighting struct {
		hash   uint32
		family int32
	}
	var sightings []sighting
	for i, f := range m.families {
		for _, mark := range f.sketch.marks {
			sightings = append(sightings, sighting{mark.hash, int32(i)})
		}
	}
	byHash := func(a, b sighting) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.family, b.family))
	}
	slices.SortFunc(sightings, byHash)
	m.relatives = make([]map[int]bool, len(m.families))
	for i := range m.relatives {
		m.relatives[i] = map[int]bool{}
	}
	common := make([]int64, len(m.families)) // marks, with the family at hand
	for i, f := range m.families {
		var near []int
		for _, mark := range f.sketch.marks {
			at, _ := slices.BinarySearchFunc(sightings, sighting{mark.hash, int32(i)}, byHash)
			for _, s := range sightings[at+1 : min(at+1+maxRelatives, len(sightings))] {
				if s.hash != mark.hash {
					break
				}
				if common[s.family] == 0 {
					near = append(near, int(s.family))
				}
				common[s.family]++
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

// A pairQueue is a heap with the pair that saves most on top; of several, that of the
// families that come first.
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
