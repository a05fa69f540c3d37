package page

import (
	"cmp"
	"slices"
)

// A box is a rectangle.
type box struct{ X, Y, W, H float64 }

// inset returns the box without a margin, and without head at its top.
func (b box) inset(margin, head float64) box {
	return box{b.X + margin, b.Y + margin + head, max(b.W-2*margin, 0), max(b.H-2*margin-head, 0)}
}

// squarify divides a box into boxes with areas in proportion to sizes, which are nearly squares, as in Bruls, Huizing and
// van Wijk: Squarified Treemaps (2000). The order of the result is that of sizes. A size that is not positive has an empty
// box.
func squarify(sizes []float64, into box) []box {
	out, total := make([]box, len(sizes)), 0.0
	order := []int{}
	for i, size := range sizes {
		if size > 0 {
			order, total = append(order, i), total+size
		}
	}
	if total == 0 || into.W <= 0 || into.H <= 0 {
		return out
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sizes[b], sizes[a]) })
	areas := make([]float64, len(order))
	for i, o := range order {
		areas[i] = sizes[o] / total * into.W * into.H
	}
	for from := 0; from < len(areas); {
		side := min(into.W, into.H)
		to, sum := from+1, areas[from]
		for to < len(areas) && worst(areas[from:to+1], sum+areas[to], side) <= worst(areas[from:to], sum, side) {
			sum += areas[to]
			to++
		}
		into = row(areas[from:to], sum, into, func(i int, b box) { out[order[from+i]] = b })
		from = to
	}
	return out
}

// worst returns the largest ratio of the sides of a row of areas along a side. Areas are sorted, the largest first.
func worst(areas []float64, sum, side float64) float64 {
	largest, smallest := areas[0], areas[len(areas)-1]
	return max(side*side*largest/(sum*sum), sum*sum/(side*side*smallest))
}

// row places a row of areas along the shorter side of a box, and returns the rest of the box.
func row(areas []float64, sum float64, b box, place func(i int, b box)) box {
	at := 0.0
	if b.W >= b.H {
		width := min(sum/b.H, b.W)
		for i, area := range areas {
			height := area / sum * b.H
			place(i, box{b.X, b.Y + at, width, height})
			at += height
		}
		return box{b.X + width, b.Y, b.W - width, b.H}
	}
	height := min(sum/b.W, b.H)
	for i, area := range areas {
		width := area / sum * b.W
		place(i, box{b.X + at, b.Y, width, height})
		at += width
	}
	return box{b.X, b.Y + height, b.W, b.H - height}
}
