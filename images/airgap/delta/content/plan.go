package content

import (
	"context"
	"io"

	"github.com/slipway-build/slipway/images/airgap/format"
)

// A Range is a range of bytes of a content.
type Range struct{ At, Size int64 }

func (r Range) end() int64 { return r.At + r.Size }

// A Part is a part of a content.
type Part struct {
	Range
	// Layer says that the part is a tar.
	Layer bool
	// Copy, if set, is the range of OLD with the same bytes.
	Copy *Range
}

// A Step makes the next Size bytes of NEW.
type Step struct {
	Size int64
	// Copy is set if the bytes are those of Old, which is one range then. Otherwise they are a patch, which is applied to
	// the ranges of OLD, one after another.
	Copy bool
	Old  []Range
}

const (
	// MaxPatch is the maximum number of bytes that a patch makes, MaxOld that of the bytes that it is applied to. They
	// bound the memory for one patch.
	MaxPatch = 112 << 20
	MaxOld   = MaxPatch + 2*overlap // bindiff takes 128 MiB
	// overlap is how much more of OLD is before and after the part of a member that is larger than MaxPatch.
	overlap = 8 << 20
	// group is the number of bytes of small members from which on they are not put into one patch any more.
	group = 8 << 20
	// alone is the size of the smallest member that has a patch of its own, and of the smallest that is copied.
	alone = 256 << 10
)

// Plan returns the steps that make NEW, whose parts have no gaps between them. oldParts are the parts of OLD that NEW may
// resemble.
func Plan(ctx context.Context, old io.ReaderAt, oldParts []Part, new io.ReaderAt, newParts []Part) ([]Step, error) {
	var known []member
	for _, part := range oldParts {
		found, err := members(ctx, old, part, maxMembers-len(known))
		if err != nil {
			return nil, err
		}
		known = append(known, found...)
	}
	p := &planner{partners: newPartners(known), taken: map[int64]bool{}}
	room := maxMembers
	for _, part := range newParts {
		if part.Copy != nil {
			p.flush(part.At)
			p.copy(*part.Copy)
			continue
		}
		found, err := members(ctx, new, part, room)
		if err != nil {
			return nil, err
		}
		room -= len(found)
		for i := range found {
			p.member(&found[i])
		}
		p.upTo(part.end())
	}
	p.flush(p.end)
	return p.steps, nil
}

// A planner makes the steps.
type planner struct {
	partners *partners
	steps    []Step
	// done is the end of the last step in NEW. The bytes from there up to end are the next patch, which is applied to
	// from.
	done, end int64
	from      []Range
	fromSize  int64
	taken     map[int64]bool // offsets of the members in from
}

// flush ends the next patch at the offset end of NEW.
func (p *planner) flush(end int64) {
	p.end = max(p.end, end)
	for p.done < end {
		size := min(end-p.done, MaxPatch)
		p.steps = append(p.steps, Step{Size: size, Old: p.from})
		p.done += size
	}
	p.from, p.fromSize = nil, 0
	clear(p.taken)
}

// upTo adds the bytes up to end to the next patch.
func (p *planner) upTo(end int64) {
	if end-p.done > MaxPatch {
		p.flush(p.end)
	}
	p.end = max(p.end, end)
}

// copy adds a step that copies a range of OLD.
func (p *planner) copy(r Range) {
	p.steps = append(p.steps, Step{Size: r.Size, Copy: true, Old: []Range{r}})
	p.done += r.Size
	p.end = p.done
}

// member adds the bytes up to the end of a member.
func (p *planner) member(m *member) {
	partner, equal := p.partners.of(m)
	switch {
	case equal && m.body.Size >= alone:
		p.flush(m.body.At)
		p.copy(partner.body)
		return
	case m.body.Size >= alone:
		p.flush(m.body.At)
		p.large(m, partner)
		return
	case p.end-p.done > group || p.fromSize > group:
		p.flush(p.end)
	}
	if partner != nil && partner.body.Size < 4*alone && !p.taken[partner.body.At] {
		p.taken[partner.body.At] = true
		p.use(partner)
	}
	p.upTo(m.body.end())
}

// use adds the body of a small member of OLD, with its header, to what the next patch is applied to.
func (p *planner) use(partner *member) {
	r := partner.body
	if partner.path != "" {
		r = Range{r.At - format.BlockSize, r.Size + format.BlockSize}
	}
	p.fromSize += r.Size
	if n := len(p.from); n > 0 {
		// Between the members are less than two blocks, or the range is another one.
		if gap := r.At - p.from[n-1].end(); gap >= 0 && gap < 2*format.BlockSize {
			p.from[n-1].Size += gap + r.Size
			return
		}
	}
	p.from = append(p.from, r)
}

// large adds patches for a large member.
func (p *planner) large(m, partner *member) {
	for done := int64(0); done < m.body.Size; done += MaxPatch {
		s := Step{Size: min(MaxPatch, m.body.Size-done)}
		if partner != nil {
			from := min(max(done-overlap, 0), partner.body.Size)
			to := min(done+s.Size+overlap, partner.body.Size)
			if from < to {
				s.Old = []Range{{partner.body.At + from, to - from}}
			}
		}
		p.steps = append(p.steps, s)
	}
	p.done = m.body.end()
	p.end = p.done
}
