package zstd

// A Level is how thoroughly an Encoder looks for a small encoding.
type Level int

const (
	// Best is the level for archives that are made often.
	Best Level = iota
	// Max makes smaller segments than Best, in several times the time.
	Max
)

// Version identifies the output of the encoder at a level. It changes whenever the encoding of any
// content does, and must be part of cache keys.
func (l Level) Version() string {
	if l == Max {
		return "max 1"
	}
	return "1"
}
