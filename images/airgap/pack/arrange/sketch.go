package arrange

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/pack/frame"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/gearhash"
)

// A sketch is a small sample of a layer, or of several layers that follow one another. Two sketches
// show how many bytes their layers have in common.
//
// A rolling hash goes over the uncompressed bytes, and a mark is kept where it is small. That depends
// on the last 64 bytes alone, so that layers with common bytes have the marks of those bytes in
// common, wherever the bytes are. The number of common marks estimates the number of common bytes.
// This is min-hash for sizes instead of ratios, so that it also works for a small layer inside a
// large one.
type sketch struct {
	// marks are sorted by hash. All hashes are less than limit.
	marks []mark
	limit uint64
	// size is the size of the layers, in bytes.
	size int64
}

// A mark is a place in a layer where the rolling hash is small.
type mark struct {
	hash uint32
	// first and last are the first and the last place of the hash, in units of markUnit from
	// the beginning.
	first, last uint32
}

const (
	// sampleBits is the number of zeros at the beginning of hashes that are kept: about one in
	// 16 KiB.
	sampleBits = 14
	// allHashes is the limit of a sketch that keeps all of them.
	allHashes = 1 << 32
	// maxMarks is the largest number of marks. A layer over 1 GiB keeps smaller hashes only.
	maxMarks = 1 << 16
	// markUnit is the unit of places, in bytes. 32 bits are enough for 4 TiB.
	markUnit = 1 << 10
)

// saves estimates how many bytes of next a compressor with a window finds in s if next follows s, and how
// many bytes of s it finds in next if s follows next.
func (s sketch) saves(next sketch, window int64) (following, leading int64) {
	limit := min(s.limit, next.limit)
	reach := uint32(window / markUnit)
	few, many := s.marks, next.marks
	if len(few) > len(many) {
		leading, following = next.saves(s, window)
		return following, leading
	}
	for _, a := range few {
		if many = skipTo(many, a.hash); len(many) == 0 {
			break
		}
		b := many[0]
		if b.hash != a.hash || uint64(a.hash) >= limit {
			continue
		}
		if s.units()-a.last+b.first <= reach {
			following++
		}
		if next.units()-b.last+a.first <= reach {
			leading++
		}
	}
	each := allHashes << sampleBits / int64(limit)
	return following * each, leading * each
}

// skipTo returns the marks from hash on. Its time grows with the logarithm of the number of marks that
// it skips.
func skipTo(marks []mark, hash uint32) []mark {
	end := 1
	for end < len(marks) && marks[end-1].hash < hash {
		end *= 2
	}
	begin, end := end/2, min(end, len(marks))
	n, _ := slices.BinarySearchFunc(marks[begin:end], hash, func(m mark, hash uint32) int { return cmp.Compare(m.hash, hash) })
	return marks[begin+n:]
}

// followed returns the sketch of s followed by next.
func (s sketch) followed(next sketch) sketch {
	out := sketch{limit: min(s.limit, next.limit), size: s.size + next.size}
	out.marks = make([]mark, 0, len(s.marks)+len(next.marks))
	for a, b := s.marks, next.marks; len(a) > 0 || len(b) > 0; {
		if len(b) == 0 || len(a) > 0 && a[0].hash <= b[0].hash {
			out.marks, a = append(out.marks, a[0]), a[1:]
			continue
		}
		m := b[0]
		out.marks, b = append(out.marks, mark{m.hash, m.first + s.units(), m.last + s.units()}), b[1:]
	}
	out.tidy()
	return out
}

func (s sketch) units() uint32 { return uint32(s.size / markUnit) }

// tidy sorts the marks, merges those of one hash, and removes those over the limit. It halves the limit
// as long as there are too many.
func (s *sketch) tidy() {
	slices.SortFunc(s.marks, func(a, b mark) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.first, b.first))
	})
	joined := s.marks[:0]
	for _, m := range s.marks {
		if n := len(joined); n > 0 && joined[n-1].hash == m.hash {
			joined[n-1].last = max(joined[n-1].last, m.last)
			continue
		}
		joined = append(joined, m)
	}
	s.marks = joined
	for {
		if s.limit < allHashes {
			n, _ := slices.BinarySearchFunc(s.marks, uint32(s.limit), func(m mark, limit uint32) int { return cmp.Compare(m.hash, limit) })
			s.marks = s.marks[:n]
		}
		if len(s.marks) <= maxMarks {
			return
		}
		s.limit /= 2
	}
}

// A sketcher sketches what is written to it.
type sketcher struct {
	sketch
	rolling uint64
}

func newSketcher() *sketcher { return &sketcher{sketch: sketch{limit: allHashes}} }

func (s *sketcher) Write(p []byte) (int, error) {
	const small = 1 << (64 - sampleBits)
	h := s.rolling
	for i, b := range p {
		h = gearhash.Roll(h, b)
		if h < small {
			s.keep(uint32(h>>(64-sampleBits-32)), s.size+int64(i))
		}
	}
	s.rolling = h
	s.size += int64(len(p))
	return len(p), nil
}

// keep is apart from Write, so that the loop there stays small.
func (s *sketcher) keep(hash uint32, offset int64) {
	if uint64(hash) >= s.limit {
		return
	}
	place := uint32(min(offset/markUnit, math.MaxUint32))
	s.marks = append(s.marks, mark{hash, place, place})
	if len(s.marks) >= 2*maxMarks {
		s.tidy()
	}
}

// done returns the sketch of what was written.
func (s *sketcher) done() sketch {
	s.tidy()
	return sketch{marks: slices.Clone(s.marks), limit: s.limit, size: s.size}
}

// SketchKind is the kind of the records of sketches. Its number changes when sketches change.
const SketchKind = "sketch-1"

// sketchOf returns the sketch of a layer. It is made once for each blob, and kept in content.
func sketchOf(ctx context.Context, content Content, l frame.Layer) (sketch, error) {
	if raw, ok := content.Record(ctx, SketchKind, l.Source.String()); ok {
		if s, ok := decodeSketch(raw); ok {
			return s, nil
		}
	}
	s, err := readSketch(ctx, content, l)
	if err != nil {
		return sketch{}, err
	}
	return s, setSketch(content, l.Source, s)
}

// setSketch keeps the sketch of a blob.
func setSketch(content Content, blob v1.Hash, s sketch) error {
	return content.SetRecord(SketchKind, blob.String(), s.encode())
}

// readSketch sketches a layer. It verifies the layer, because the sketch of a damaged one would be kept.
func readSketch(ctx context.Context, content Content, l frame.Layer) (sketch, error) {
	s := newSketcher()
	if err := frame.WriteBody(ctx, content, l, s); err != nil {
		return sketch{}, err
	}
	return s.done(), nil
}

// encode returns the limit and the size of 8 bytes each, and each mark of 12, all little-endian.
func (s sketch) encode() []byte {
	b := make([]byte, 0, 16+12*len(s.marks))
	b = binary.LittleEndian.AppendUint64(b, s.limit)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.size))
	for _, m := range s.marks {
		b = binary.LittleEndian.AppendUint32(b, m.hash)
		b = binary.LittleEndian.AppendUint32(b, m.first)
		b = binary.LittleEndian.AppendUint32(b, m.last)
	}
	return b
}

func decodeSketch(b []byte) (sketch, bool) {
	if len(b) < 16 || (len(b)-16)%12 != 0 {
		return sketch{}, false
	}
	s := sketch{limit: binary.LittleEndian.Uint64(b), size: int64(binary.LittleEndian.Uint64(b[8:]))}
	for b = b[16:]; len(b) > 0; b = b[12:] {
		s.marks = append(s.marks, mark{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])})
	}
	return s, s.limit > 0 && s.limit <= allHashes && s.size >= 0
}

// Info returns what is known about the blob h, as content.Info does. If the blob has to be read for that,
// and the layer is large enough to be compared, it is sketched at the same time.
func Info(ctx context.Context, content Content, h v1.Hash) (store.BlobInfo, error) {
	s := newSketcher()
	info, err := content.InfoAndContent(ctx, h, s)
	if err != nil || s.size < sketchedSize || s.size != info.UncompressedSize {
		return info, err
	}
	return info, setSketch(content, h, s.done())
}
