package arrange

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// manyGroups returns groups of 2 MiB with common content, and one of 100 MiB that contains the
// content of each.
func manyGroups(count int) []*group {
	random := rand.New(rand.NewPCG(1, 2))
	hub := sketch{limit: allHashes, size: 100 << 20}
	var all []*group
	for i := range count {
		s := sketch{limit: allHashes, size: 2 << 20}
		for n := range 64 {
			s.marks = append(s.marks, mark{uint32(n), uint32(n), uint32(n)})
		}
		for range 64 {
			m := mark{hash: 1000 + random.Uint32N(1<<30)}
			s.marks = append(s.marks, m)
			hub.marks = append(hub.marks, m)
		}
		s.tidy()
		all = append(all, &group{members: []int{i}, sketch: s})
	}
	hub.tidy()
	return append(all, &group{members: []int{count}, sketch: hub})
}

// However many groups resemble one another, each is compared with a limited number of others.
func TestComparisonsAreInProportionToGroups(t *testing.T) {
	for _, count := range []int{200, 1000} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			m := matcher{groups: manyGroups(count)}
			m.joinAll()
			if most := 4 * maxRelatives * count; m.compared > most {
				t.Errorf("%d comparisons, want at most %d", m.compared, most)
			}
			var members, left int
			for _, f := range m.groups {
				if f != nil {
					left++
					members += len(f.members)
				}
			}
			if members != count+1 || left > count/20 {
				t.Errorf("%d groups with %d members remain of %d", left, members, count+1)
			}
		})
	}
}
