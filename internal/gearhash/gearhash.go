package gearhash

// Window is the number of bytes that a hash depends on.
const Window = 64

// Roll returns the hash after one more byte.
func Roll(hash uint64, b byte) uint64 { return hash<<1 + table[b] }

// table maps each byte to a number. The numbers must never change, because files and records of the
// content cache depend on them.
var table = func() (table [256]uint64) {
	// splitmix64: its numbers are as good as random, and the same on every host.
	var state uint64
	for i := range table {
		state += 0x9e3779b97f4a7c15
		z := (state ^ state>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		table[i] = z ^ z>>31
	}
	return table
}()
