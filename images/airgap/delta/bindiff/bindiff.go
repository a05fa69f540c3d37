package bindiff

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// maxSize is the maximum size of OLD and of NEW, in bytes.
	maxSize = 1 << 27
	// piece is the number of bytes of NEW that are made at a time.
	piece = 1 << 20
	// headSize is the size of the head of a patch: the size of its coded part, in bytes.
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
	e := newEncoder()
	p := &patch{codec: newCodec(e), adjuster: adjuster{machine: machineOf(old, new), old: old, mapping: newMapping(len(old), all)}, steps: all}
	if p.kind != noMachine {
		p.mapping.far = p.farShifts(new)
		adjusted, was := p.misses(new), p.machine
		if p.machine = (machine{}); p.misses(new) > adjusted {
			p.machine = was
		}
	}
	if err := p.codeHead(len(new)); err != nil {
		return nil, err
	}
	var extra []byte
	if p.extraSize() > maxLiteral {
		if extra, err = compress(ctx, old, p.extraBytes(new)); err != nil {
			return nil, err
		}
	}
	if err := p.codeContent(new, nil, func([]byte) error { return context.Cause(ctx) }); err != nil {
		return nil, err
	}
	coded := e.finish()
	out := binary.LittleEndian.AppendUint32(make([]byte, 0, headSize+len(coded)+len(extra)), uint32(len(coded)))
	return append(append(out, coded...), extra...), nil
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
	coded, extra := patched[headSize:][:binary.LittleEndian.Uint32(patched)], patched[headSize+binary.LittleEndian.Uint32(patched):]
	d := newDecoder(coded)
	p := &patch{codec: newCodec(d), adjuster: adjuster{old: old, mapping: &mapping{}}}
	if err := p.codeHead(size); err != nil {
		return err
	}
	if p.kind != noMachine {
		p.mapping.shifts = newMapping(len(old), p.steps).shifts
	}
	var compressed io.Reader
	if p.extraSize() > maxLiteral {
		r, err := decompress(old, extra)
		if err != nil {
			return err
		}
		defer r.Close()
		compressed = r
	} else if len(extra) > 0 {
		return errLong
	}
	if err := p.codeContent(nil, compressed, func(b []byte) error {
		if err := d.err(); err != nil {
			return err
		}
		_, err := w.Write(b)
		return err
	}); err != nil {
		return err
	}
	if len(d.in) > 0 || compressed != nil && !ended(compressed) {
		return errLong
	}
	return d.err()
}

var (
	errInvalid = errors.New("invalid patch: its steps are outside the files")
	errLong    = errors.New("invalid patch: bytes follow its end")
)

// A patch is a patch that is being coded.
type patch struct {
	*codec
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

// extraBytes returns these bytes.
func (p *patch) extraBytes(new []byte) []byte {
	all, at := make([]byte, 0, p.extraSize()), 0
	for _, s := range p.steps {
		at += s.add + s.extra
		all = append(all, new[at-s.extra:at]...)
	}
	return all
}

// codeHead codes the machine and the steps.
func (p *patch) codeHead(size int) error {
	p.kind = machineKind(p.number(numberMachine, uint64(p.kind)))
	if p.kind >= machineKinds {
		return fmt.Errorf("invalid patch: unknown machine %d", p.kind)
	}
	if p.kind != noMachine {
		p.oldBase = p.signed(numberBase, p.oldBase)
		p.newBase = p.oldBase + p.signed(numberBase, p.newBase-p.oldBase)
		if err := p.codeFar(); err != nil {
			return err
		}
	}
	count := p.number(numberCount, uint64(len(p.steps)))
	if count > uint64(maxSteps(size)) {
		return fmt.Errorf("invalid patch: %d steps for %d bytes", count, size)
	}
	if p.decoding {
		p.steps = make([]step, count)
	}
	end, left := int64(0), uint64(size)
	for i := range p.steps {
		s := &p.steps[i]
		add := p.number(numberAdd, uint64(s.add))
		extra := p.number(numberExtra, uint64(s.extra))
		from := end
		if add > 0 {
			from += p.signed(numberFrom, int64(s.from)-end)
		}
		if add > left || extra > left-add || from < 0 || from > int64(len(p.old)) || add > uint64(len(p.old))-uint64(from) {
			return errInvalid
		}
		left -= add + extra
		*s = step{int(from), int(add), int(extra)}
		end = from + int64(add)
	}
	if left > 0 {
		return errInvalid
	}
	return nil
}

// codeFar codes the shifts of addresses after the end of OLD.
func (p *patch) codeFar() error {
	count := p.number(numberFar, uint64(len(p.mapping.far)))
	if count > maxFar {
		return fmt.Errorf("invalid patch: shifts of %d addresses; the limit is %d", count, maxFar)
	}
	if p.decoding {
		p.mapping.far = make([]farShift, count)
	}
	const limit = farLimit * maxSize
	var last farShift
	for i := range p.mapping.far {
		f := &p.mapping.far[i]
		address := last.address + int64(p.number(numberFar, uint64(f.address-last.address)))
		shift := last.shift + p.signed(numberFar, f.shift-last.shift)
		if address < last.address || address > limit || shift > limit || shift < -limit {
			return errInvalid
		}
		last = farShift{address, shift}
		*f = last
	}
	return nil
}

// codeContent codes the bytes of NEW, and calls done with each piece of them. A decoder reads extra bytes from extra, if
// that is set.
func (p *patch) codeContent(new []byte, extra io.Reader, done func(piece []byte) error) error {
	var (
		expected, made []byte
		literal        = p.extraSize() <= maxLiteral
		at             int
	)
	for _, s := range p.steps {
		for coded := 0; coded < s.add+s.extra; {
			n := min(piece, s.add-coded)
			if n <= 0 {
				n = min(piece, s.add+s.extra-coded)
			}
			if cap(expected) < n {
				expected, made = make([]byte, n), make([]byte, n)
			}
			b := made[:n]
			if !p.decoding {
				b = new[at : at+n]
			}
			switch from := int64(s.from + coded); {
			case coded < s.add:
				p.adjust(expected[:n], from, int64(at)-from)
				p.different(b, expected[:n], from)
			case literal:
				p.literal(b)
			case p.decoding:
				if _, err := io.ReadFull(extra, b); err != nil {
					return fmt.Errorf("decompressing a patch: %w", err)
				}
			}
			if err := done(b); err != nil {
				return err
			}
			at, coded = at+n, coded+n
		}
	}
	return nil
}
