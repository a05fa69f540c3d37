package cost

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/delta"
	"github.com/slipway-build/slipway/images/airgap/format"
)

// A book says for whom bytes of the new archive count.
type book struct {
	frames []format.Span
	plain  bool // the archive is a plain tar
	owners []owner
	rest   *Sizes
}

// An owner is a file of the tar, with its header and padding.
type owner struct {
	from, to int64
	sizes    *Sizes
	changed  bool // OLD does not have it
}

// own enters a file. The archive need not have it.
func (b *book) own(ctx context.Context, a *airgap.Archive, name string, sizes *Sizes, changed bool) error {
	f, err := a.File(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	b.owners = append(b.owners, owner{f.Offset - format.BlockSize, f.Offset + f.Size() + format.Padding(f.Size()), sizes, changed})
	return nil
}

// sort sorts the owners after the last one was entered.
func (b *book) sort() {
	slices.SortStableFunc(b.owners, func(x, y owner) int { return cmp.Compare(x.from, y.from) })
	if n := len(b.owners); len(b.frames) == 1 && b.frames[0].TarSize == 0 && n > 0 {
		b.frames[0].TarSize = b.owners[n-1].to
	}
}

// archive counts bytes for a part of the archive. Files that are compressed together share them in proportion to their
// sizes. With blame, only those that changed do, if there are any: the others are not why a delta has the bytes.
func (b *book) archive(s delta.Share, blame bool, add func(*Sizes, int64)) {
	var parts []delta.Share
	var spans []format.Span
	end := s.At
	i, _ := slices.BinarySearchFunc(b.frames, s.At, func(f format.Span, at int64) int { return cmp.Compare(f.Offset+f.Size, at+1) })
	for ; i < len(b.frames) && b.frames[i].Offset < s.At+s.Size; i++ {
		f := b.frames[i]
		from, to := max(f.Offset, s.At), min(f.Offset+f.Size, s.At+s.Size)
		parts, end = append(parts, delta.Share{At: from, Size: to - from}), to
		if b.plain {
			f = format.Span{TarOffset: from, TarSize: to - from}
		}
		spans = append(spans, f)
	}
	if end < s.At+s.Size {
		parts = append(parts, delta.Share{At: end, Size: s.At + s.Size - end}) // the index of the archive
	}
	for i, part := range delta.Divide(s.Bytes, parts) {
		if i == len(spans) {
			add(b.rest, part.Bytes)
			continue
		}
		b.tar(delta.Share{At: spans[i].TarOffset, Size: spans[i].TarSize, Bytes: part.Bytes}, blame, add)
	}
}

// tar counts bytes for a part of the tar.
func (b *book) tar(s delta.Share, blame bool, add func(*Sizes, int64)) {
	var (
		parts []delta.Share
		whose []*Sizes
		done  = s.At
		end   = s.At + s.Size
	)
	i, _ := slices.BinarySearchFunc(b.owners, s.At, func(o owner, at int64) int { return cmp.Compare(o.to, at+1) })
	overlapping := b.owners[i:]
	if n := slices.IndexFunc(overlapping, func(o owner) bool { return o.from >= end }); n >= 0 {
		overlapping = overlapping[:n]
	}
	blame = blame && slices.ContainsFunc(overlapping, func(o owner) bool { return o.changed })
	put := func(to int64, sizes *Sizes, counts bool) {
		if to > done && counts {
			parts, whose = append(parts, delta.Share{At: done, Size: to - done}), append(whose, sizes)
		}
		done = max(done, to)
	}
	for _, o := range overlapping {
		put(o.from, b.rest, !blame)
		put(min(o.to, end), o.sizes, !blame || o.changed)
	}
	put(end, b.rest, !blame)
	shares := delta.Divide(s.Bytes, parts)
	if len(shares) == 0 {
		add(b.rest, s.Bytes)
	}
	for i, share := range shares {
		add(whose[i], share.Bytes)
	}
}
