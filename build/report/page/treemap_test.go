package page

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The boxes of a treemap have the areas of their sizes, fill the whole, and do not overlap.
func TestSquarifyFillsTheWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 7, 50, 500} {
		for _, into := range []box{{0, 0, 600, 400}, {10, 20, 100, 900}, {0, 0, 1, 1}} {
			sizes, total := make([]float64, n), 0.0
			for i := range sizes {
				sizes[i] = math.Exp(12 * random.Float64()) // from 1 to 160,000
				total += sizes[i]
			}
			boxes := squarify(sizes, into)
			for i, b := range boxes {
				if want := sizes[i] / total * into.W * into.H; math.Abs(b.W*b.H-want) > 1e-6*into.W*into.H {
					t.Fatalf("%d sizes in %v: box %d has the area %g, want %g", n, into, i, b.W*b.H, want)
				}
				if b.X < into.X-1e-6 || b.Y < into.Y-1e-6 || b.X+b.W > into.X+into.W+1e-6 || b.Y+b.H > into.Y+into.H+1e-6 {
					t.Fatalf("%d sizes in %v: box %v is outside", n, into, b)
				}
				for j, c := range boxes[:i] {
					w, h := min(b.X+b.W, c.X+c.W)-max(b.X, c.X), min(b.Y+b.H, c.Y+c.H)-max(b.Y, c.Y)
					if w > 1e-6*into.W && h > 1e-6*into.H {
						t.Fatalf("%d sizes in %v: the boxes %d and %d overlap", n, into, i, j)
					}
				}
			}
		}
	}
}

// The example of the paper: 6, 6, 4, 3, 2, 2, 1 in a box of 6 by 4.
func TestSquarifyIsThatOfThePaper(t *testing.T) {
	boxes := squarify([]float64{6, 6, 4, 3, 2, 2, 1}, box{0, 0, 6, 4})
	want := []box{{0, 0, 3, 2}, {0, 2, 3, 2}, {3, 0, 12. / 7, 7. / 3}, {3 + 12./7, 0, 9. / 7, 7. / 3}, {3, 7. / 3, 1.2, 5. / 3}, {4.2, 7. / 3, 1.2, 5. / 3}, {5.4, 7. / 3, 0.6, 5. / 3}}
	for i, b := range boxes {
		for _, d := range []float64{b.X - want[i].X, b.Y - want[i].Y, b.W - want[i].W, b.H - want[i].H} {
			if math.Abs(d) > 1e-9 {
				t.Errorf("box %d is %v, want %v", i, b, want[i])
			}
		}
	}
}

func TestSquarifyOfNothing(t *testing.T) {
	for _, sizes := range [][]float64{nil, {0}, {0, -1}} {
		for i, b := range squarify(sizes, box{0, 0, 10, 10}) {
			if b != (box{}) {
				t.Errorf("%v: box %d is %v, want an empty one", sizes, i, b)
			}
		}
	}
	if boxes := squarify([]float64{0, 5}, box{0, 0, 10, 10}); boxes[0] != (box{}) || boxes[1] != (box{0, 0, 10, 10}) {
		t.Errorf("a size of 0 and one of 5: %v", boxes)
	}
}
