package bindiff

// A cursor goes through the steps of a patch, forwards.
type cursor struct {
	*patch
	// step is the number of the step with the next bytes, and start where they begin in NEW.
	step, start int
}

// noneOfOld is in place of a position in OLD for extra bytes.
const noneOfOld = -1

// pieces calls do with each piece of b, the bytes of NEW from at on, that a step makes: with where in OLD the bytes are that it
// resembles, and their shift, or with noneOfOld if they are extra bytes.
func (c *cursor) pieces(b []byte, at int, do func(b []byte, from, shift int64)) {
	for len(b) > 0 {
		s, done, n := c.steps[c.step], at-c.start, 0
		switch {
		case done < s.add:
			n = min(len(b), s.add-done)
			do(b[:n], int64(s.from+done), int64(c.start-s.from))
		case done < s.add+s.extra:
			n = min(len(b), s.add+s.extra-done)
			do(b[:n], noneOfOld, 0)
		default:
			c.step++
			c.start += s.add + s.extra
		}
		b, at = b[n:], at+n
	}
}
