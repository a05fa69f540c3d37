package bindiff

const (
	// inputs is the number of contexts of a bit. Six made patches 6 % smaller, in twice the time.
	inputs = 3
	// flagBits and lineBits determine how many estimates a mixer has for first bits, and lines for the others. Together
	// they fit into the second cache of a core: four times as many make patches 4 % smaller, in half more time.
	flagBits = 16
	lineBits = 14
	// selections is the number of sets of weights.
	selections = 1024
)

// A mixer codes bits whose probabilities it learns. Each context of a bit has a probability of its own. Their
// logistic mean, with weights that are learned too, is the probability with which the bit is coded (Mahoney,
// "Adaptive Weighing of Context Models for Lossless Data Compression", 2005). It computes with integers alone, so
// that it codes the same on every host.
type mixer struct {
	*coder
	flags    *[1 << flagBits]estimate
	lines    *[1 << lineBits]line
	contexts [inputs]uint32 // hashes of the contexts of the next bits
	weights  *[selections][inputs]int32
}

// A line has the estimates of the 15 bits of the tree of a nibble. It is half as large as a line of a cache.
type line [16]estimate

// An estimate is the probability of a one, of 8192, and, in its lowest 3 bits, the number of bits that it has learned
// from, up to maxSeen.
type estimate uint16

// unlearned is the estimate of what may be anything.
const unlearned estimate = half

func newMixer(c *coder) *mixer {
	m := &mixer{coder: c, flags: new([1 << flagBits]estimate), lines: new([1 << lineBits]line), weights: new([selections][inputs]int32)}
	for i := range m.flags {
		m.flags[i] = unlearned
	}
	for i := range m.lines {
		for j := range m.lines[i] {
			m.lines[i][j] = unlearned
		}
	}
	for i := range m.weights {
		for j := range m.weights[i] {
			m.weights[i][j] = 1 << 16 * 3 / 7
		}
	}
	return m
}

// flag codes a bit that is alone. kind tells several of them apart, and selection is the set of weights to use.
func (m *mixer) flag(bit int, kind uint32, selection int) int {
	at := func(context uint32) *estimate { return &m.flags[(context+kind*0x9e3779b1)>>(32-flagBits)] }
	return m.mix(at(m.contexts[0]), at(m.contexts[1]), at(m.contexts[2]), bit, selection)
}

// byte codes a byte. Its sets of weights begin with selection.
func (m *mixer) byte(b byte, selection int) byte {
	node := 1
	for half := range uint32(2) {
		at := func(context uint32) *line { return &m.lines[(context+(half+uint32(node))*0x9e3779b1)>>(32-lineBits)] }
		l0, l1, l2 := at(m.contexts[0]), at(m.contexts[1]), at(m.contexts[2])
		slot := 1
		for range 4 {
			bit := m.mix(&l0[slot&15], &l1[slot&15], &l2[slot&15], int(b>>7), selection+node)
			b <<= 1
			slot, node = slot<<1|bit, node<<1|bit
		}
	}
	return byte(node)
}

// mix codes a bit with the mean of estimates, from which it learns. It takes most of the time of coding a patch, and a loop
// over the inputs would take twice the time.
func (m *mixer) mix(e0, e1, e2 *estimate, bit, selection int) int {
	w := &m.weights[selection%selections]
	v0, v1, v2 := *e0, *e1, *e2
	odds0, odds1, odds2 := v0.odds(), v1.odds(), v2.odds()
	sum := int64(w[0])*int64(odds0) + int64(w[1])*int64(odds1) + int64(w[2])*int64(odds2)
	p := uint32(squashed[min(max(sum>>16, -squashLimit), squashLimit-1)+squashLimit])
	bit = m.code(bit, p)
	miss := (int32(bit<<16) - int32(p)) >> 4
	w[0] += (odds0*miss + 1<<9) >> 10
	w[1] += (odds1*miss + 1<<9) >> 10
	w[2] += (odds2*miss + 1<<9) >> 10
	*e0, *e1, *e2 = v0.after(bit), v1.after(bit), v2.after(bit)
	return bit
}

// odds returns the logarithm of the odds of an estimate, times 256.
func (e estimate) odds() int32 { return int32(stretched[e>>4]) }

// after returns an estimate moved towards a bit: the less, the more bits it has seen.
func (e estimate) after(bit int) estimate {
	// The distance from the bit is what decreases.
	flip := -uint16(bit) & (1<<13 - 1)
	distance, seen := uint16(e)>>3^flip, uint16(e)&maxSeen
	distance -= uint16(uint32(distance) * rates[seen] >> 16)
	return estimate((distance^flip)<<3 | min(seen+1, maxSeen))
}

// probability returns an estimate, of 65536, that is neither zero nor one.
func (e estimate) probability() uint32 { return min(max(uint32(e)&^maxSeen, 16), 1<<16-16) }

const (
	maxSeen     = 7
	squashLimit = 2048
)

// knots are 65536/(1+exp(-x)) for x = -8, -7.5, … 8. They are numbers, because hosts may round exp differently.
var knots = [33]int32{22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11955, 17625, 24743, 32768, 40793, 47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476, 65500, 65514}

var (
	// rates are the shares of a miss by which an estimate moves, of 65536, by the bits it has seen.
	rates = func() (t [maxSeen + 1]uint32) {
		for i := range t {
			t[i] = uint32(65536 * 10 / (10*i + 16))
		}
		return t
	}()
	// squashed are the probabilities of logarithms of odds, times 256, from -squashLimit on, between the knots.
	squashed = func() (t [2 * squashLimit]uint16) {
		for i := range t {
			low, part := knots[i/128], int32(i%128)
			t[i] = uint16(low + (knots[i/128+1]-low)*part/128)
		}
		return t
	}()
	// stretched is the inverse of squashed, by probability/16.
	stretched = func() (t [4096]int16) {
		x := 0
		for i := range t {
			for x < len(squashed)-1 && int(squashed[x]) < i*16+8 {
				x++
			}
			t[i] = int16(x - squashLimit)
		}
		return t
	}()
)

// hash returns a hash of a context. kind tells contexts of several kinds apart.
func hash(kind, a, b uint32) uint32 {
	h := kind*0x2c1b3c6d + a*0x297a2d39 + b*0x9e3779b1
	h ^= h >> 15
	h *= 0x85ebca6b
	return h ^ h>>13
}
