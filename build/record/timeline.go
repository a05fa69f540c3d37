package record

import (
	"cmp"
	"container/heap"
	"slices"
	"sort"
)

// assignLanes sets the lane of each task: the first one in which no task runs when it starts. Tasks are in the order of
// their start.
func assignLanes(tasks []Task) {
	var busy endings
	var free lanes
	for i := range tasks {
		t := &tasks[i]
		for len(busy) > 0 && busy[0].end <= t.Start {
			heap.Push(&free, heap.Pop(&busy).(ending).lane)
		}
		t.Lane = len(busy)
		if free.Len() > 0 {
			t.Lane = heap.Pop(&free).(int)
		}
		heap.Push(&busy, ending{t.End, t.Lane})
	}
}

// An ending is when a lane becomes free.
type ending struct {
	end  float64
	lane int
}

// endings is a heap of lanes that are in use. The one that becomes free first is the first.
type endings []ending

func (h endings) Len() int           { return len(h) }
func (h endings) Less(i, j int) bool { return h[i].end < h[j].end }
func (h endings) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *endings) Push(x any)        { *h = append(*h, x.(ending)) }
func (h *endings) Pop() any          { return pop((*[]ending)(h)) }

// lanes is a heap of lanes that are free.
type lanes struct{ sort.IntSlice }

func (h *lanes) Push(x any) { h.IntSlice = append(h.IntSlice, x.(int)) }
func (h *lanes) Pop() any   { return pop((*[]int)(&h.IntSlice)) }

func pop[E any](list *[]E) E {
	last := (*list)[len(*list)-1]
	*list = (*list)[:len(*list)-1]
	return last
}

// CriticalPath returns the indices of the tasks that the end of the run waited for, in the order of time. It begins with
// the task that ended last. Before each task is the one that ended last until its start: a task begins when the last thing
// that it waits for ends, which is another task or a free worker. Of several that ended at the same time, those of its
// own step and of the steps that it needs come first, then the longest. Tasks that took no time are left out.
func (r *Record) CriticalPath() []int {
	var byEnd []int
	for i, t := range r.Tasks {
		if t.End > t.Start {
			byEnd = append(byEnd, i)
		}
	}
	slices.SortStableFunc(byEnd, func(a, b int) int { return cmp.Compare(r.Tasks[a].End, r.Tasks[b].End) })
	needs := map[string][]string{}
	for _, s := range r.Steps {
		needs[s.Name()] = s.Needs
	}
	var path []int
	last := r.latest(byEnd, nil)
	for last >= 0 {
		path = append(path, last)
		t := r.Tasks[last]
		n, _ := slices.BinarySearchFunc(byEnd, t.Start, func(i int, start float64) int {
			if r.Tasks[i].End <= start {
				return -1
			}
			return 1
		})
		byEnd = byEnd[:n]
		needed := map[string]bool{}
		for _, step := range t.Steps {
			needed[step] = true
			for _, need := range needs[step] {
				needed[need] = true
			}
		}
		last = r.latest(byEnd, needed)
	}
	slices.Reverse(path)
	return path
}

// latest returns the task of byEnd that ended last, or -1. Of several, it prefers those of the steps in needed, then the
// longest.
func (r *Record) latest(byEnd []int, needed map[string]bool) int {
	if len(byEnd) == 0 {
		return -1
	}
	best := byEnd[len(byEnd)-1]
	rank := func(i int) (bool, float64) {
		return slices.ContainsFunc(r.Tasks[i].Steps, func(s string) bool { return needed[s] }), -r.Tasks[i].Start
	}
	bestNeeded, bestLength := rank(best)
	for _, i := range slices.Backward(byEnd) {
		if r.Tasks[i].End < r.Tasks[best].End {
			break
		}
		if isNeeded, length := rank(i); isNeeded && !bestNeeded || isNeeded == bestNeeded && length > bestLength {
			best, bestNeeded, bestLength = i, isNeeded, length
		}
	}
	return best
}

// Busy returns the number of seconds in which a task ran, for each lane.
func (r *Record) Busy() []float64 {
	var busy []float64
	for _, t := range r.Tasks {
		for len(busy) <= t.Lane {
			busy = append(busy, 0)
		}
		busy[t.Lane] += t.End - t.Start
	}
	return busy
}

// Totals are the numbers of a run.
type Totals struct {
	// Made, UpToDate and Unfinished are numbers of steps.
	Made, UpToDate, Unfinished int
	// Tasks is the number of tasks, of which Cached had a result before and Failed failed.
	Tasks, Cached, Failed int
	// Bytes is the sum of the bytes of tasks.
	Bytes int64
}

// Totals returns the numbers of the run.
func (r *Record) Totals() Totals {
	totals := Totals{Tasks: len(r.Tasks)}
	for _, s := range r.Steps {
		switch s.State {
		case Made:
			totals.Made++
		case UpToDate:
			totals.UpToDate++
		default:
			totals.Unfinished++
		}
	}
	for _, t := range r.Tasks {
		totals.Bytes += t.Bytes
		if t.Cached {
			totals.Cached++
		}
		if t.Failure != "" {
			totals.Failed++
		}
	}
	return totals
}
