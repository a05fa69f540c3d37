package bindiff

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Format is the name of the format of patches. It changes when a patch of an earlier program cannot be applied any more.
const Format = "bindiff 2"

const (
	// maxSize is the maximum size of OLD and of NEW, in bytes.
	maxSize = 1 << 27
	// piece is the number of extra bytes that are compressed at a time.
	piece = 1 << 20
	// headSize is the number of bytes before the head of a patch: they have its size.
	headSize = 4
)

// maxSteps is the maximum number of steps that make size bytes. It bounds the memory for them.
func maxSteps(size int) int { return min(size/16+16, 1<<20) }

// Diff returns a patch that makes new from old. Each has at most maxSize bytes.
func Diff(ctx context.Context, old, new []byte) ([]byte, error) {
	if len(new) > maxSize || len(old) > maxSize {
		return nil, errTooLarge
	}
	all, err := steps(ctx, old, new)
	if err != nil {
		return nil, err
	}
	p := &patch{adjuster: adjuster{machine: machineOf(old, new), old: old, mapping: newMapping(len(old), all)}, steps: all}
	if p.kind != noMachine {
		p.mapping.far = p.farShifts(new)
		adjusted, was := p.misses(new), p.machine
		if p.machine = (machine{}); p.misses(new) > adjusted {
			p.machine = was
		}
	}
	var extra []byte
	if p.compressed() {
		if extra, err = compress(ctx, old, p.extraBytes(new)); err != nil {
			return nil, err
		}
	}
	coded, err := p.encode(ctx, new)
	if err != nil {
		return nil, err
	}
	h := &head{codec: newCodec(newEncoder()), patch: p}
	for _, lane := range coded {
		h.lanes = append(h.lanes, uint64(len(lane)))
	}
	if err := h.code(len(new)); err != nil {
		return nil, err
	}
	start := h.finish()
	out := append(binary.LittleEndian.AppendUint32(nil, uint32(len(start))), start...)
	return append(append(out, slices.Concat(coded...)...), extra...), nil
}

var errTooLarge = fmt.Errorf("files of more than %d bytes", maxSize)

// Apply makes size bytes from old and a patch, and writes them to w. Besides its arguments, it needs a quarter of the
// size of old and at most 100 MiB of memory.
func Apply(w io.Writer, old, patched []byte, size int) error {
	if size < 0 || size > maxSize || len(old) > maxSize {
		return errTooLarge
	}
	if len(patched) < headSize || uint32(len(patched)-headSize) < binary.LittleEndian.Uint32(patched) {
		return errCut
	}
	d := newDecoder(patched[headSize:][:binary.LittleEndian.Uint32(patched)])
	rest := patched[headSize+binary.LittleEndian.Uint32(patched):]
	p := &patch{adjuster: adjuster{old: old, mapping: &mapping{}}}
	h := &head{codec: newCodec(d), patch: p}
	if err := h.code(size); err != nil {
		return err
	}
	if err := d.ended(); err != nil {
		return err
	}
	var coded [][]byte
	for _, n := range h.lanes {
		if n > uint64(len(rest)) {
			return errCut
		}
		coded, rest = append(coded, rest[:n]), rest[n:]
	}
	if p.kind != noMachine {
		p.mapping.shifts = newMapping(len(old), p.steps).shifts
	}
	if !p.compressed() {
		if len(rest) > 0 {
			return errLong
		}
		return p.decode(w, coded, size, nil)
	}
	extra, err := decompress(old, rest)
	if err != nil {
		return err
	}
	defer extra.Close()
	if err := p.decode(w, coded, size, extra); err != nil {
		return err
	}
	if !ended(extra) {
		return errLong
	}
	return nil
}

var (
	errInvalid = errors.New("invalid patch: its steps are outside the files")
	errLong    = errors.New("invalid patch: bytes follow its end")
)

// A patch says how NEW is made.
type patch struct {
	adjuster
	steps []step
}

// extraSize returns the number of bytes of NEW that resemble none of OLD.
func (p *patch) extraSize() (n int) {
	for _, s := range p.steps {
		n += s.extra
	}
	return n
}

// compressed reports whether the extra bytes are compressed apart.
func (p *patch) compressed() bool { return p.extraSize() > maxLiteral }

// extraBytes returns these bytes.
func (p *patch) extraBytes(new []byte) []byte {
	all, at := make([]byte, 0, p.extraSize()), 0
	for _, s := range p.steps {
		at += s.add + s.extra
		all = append(all, new[at-s.extra:at]...)
	}
	return all
}
