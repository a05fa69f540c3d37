package bindiff

import "fmt"

// A head is the first part of a patch: all but the bytes.
type head struct {
	*codec
	*patch
	lanes []uint64 // the sizes of the coded lanes
}

// code codes the head of a patch that makes size bytes.
func (h *head) code(size int) error {
	h.kind = machineKind(h.number(numberMachine, uint64(h.kind)))
	if h.kind >= machineKinds {
		return fmt.Errorf("invalid patch: unknown machine %d", h.kind)
	}
	if h.kind != noMachine {
		h.oldBase = h.signed(numberBase, h.oldBase)
		h.newBase = h.oldBase + h.signed(numberBase, h.newBase-h.oldBase)
		if err := h.codeFar(); err != nil {
			return err
		}
	}
	count := h.number(numberCount, uint64(len(h.steps)))
	if count > uint64(maxSteps(size)) {
		return fmt.Errorf("invalid patch: %d steps for %d bytes", count, size)
	}
	if h.decoding {
		h.steps = make([]step, count)
	}
	end, left := int64(0), uint64(size)
	for i := range h.steps {
		s := &h.steps[i]
		add := h.number(numberAdd, uint64(s.add))
		extra := h.number(numberExtra, uint64(s.extra))
		from := end
		if add > 0 {
			from += h.signed(numberFrom, int64(s.from)-end)
		}
		if add > left || extra > left-add || from < 0 || from > int64(len(h.old)) || add > uint64(len(h.old))-uint64(from) {
			return errInvalid
		}
		left -= add + extra
		*s = step{int(from), int(add), int(extra)}
		end = from + int64(add)
	}
	if left > 0 {
		return errInvalid
	}
	if h.decoding {
		h.lanes = make([]uint64, lanesOf(size))
	}
	for i := range h.lanes {
		h.lanes[i] = h.number(numberLane, h.lanes[i])
	}
	return nil
}

// codeFar codes the shifts of addresses after the end of OLD.
func (h *head) codeFar() error {
	count := h.number(numberFar, uint64(len(h.mapping.far)))
	if count > maxFar {
		return fmt.Errorf("invalid patch: shifts of %d addresses; the limit is %d", count, maxFar)
	}
	if h.decoding {
		h.mapping.far = make([]farShift, count)
	}
	const limit = farLimit * maxSize
	var last farShift
	for i := range h.mapping.far {
		f := &h.mapping.far[i]
		address := last.address + int64(h.number(numberFar, uint64(f.address-last.address)))
		shift := last.shift + h.signed(numberFar, f.shift-last.shift)
		if address < last.address || address > limit || shift > limit || shift < -limit {
			return errInvalid
		}
		last = farShift{address, shift}
		*f = last
	}
	return nil
}
