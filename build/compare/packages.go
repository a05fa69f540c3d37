package compare

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/regular"
)

// An arMember is a member of an ar archive (deb(5)).
type arMember struct {
	name, time, owner, group, mode string
	offset, size                   int64
}

// ars compares two ar archives, which Debian packages are.
func (r *run) ars(path []string, first, second string) error {
	a, membersA, err := openAr(first)
	if err != nil {
		return r.damaged("first", err)
	}
	defer a.Close()
	b, membersB, err := openAr(second)
	if err != nil {
		return r.damaged("second", err)
	}
	defer b.Close()
	var namesA, namesB []string
	inB, all := map[string]arMember{}, map[string]bool{}
	for _, m := range membersB {
		inB[m.name] = m
		namesB = append(namesB, m.name)
	}
	for _, x := range membersA {
		namesA = append(namesA, x.name)
		y, ok := inB[x.name]
		if !ok {
			continue
		}
		all[x.name] = true
		for _, field := range []struct{ name, a, b string }{
			{"modification time", epoch(x.time), epoch(y.time)}, {"owner", x.owner, y.owner}, {"group", x.group, y.group}, {"mode", x.mode, y.mode},
		} {
			if field.a != field.b {
				r.say(append(path, x.name), "%s differs: %s and %s", field.name, field.a, field.b)
			}
		}
	}
	r.sayMissing(path, namesA, namesB)
	each := func(f *os.File, members []arMember) func(func(string, io.Reader) error) error {
		return func(see func(string, io.Reader) error) error {
			for _, m := range members {
				if err := see(m.name, section(f, m.offset, m.size)); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return r.members(path, all, each(a, membersA), each(b, membersB))
}

// epoch formats seconds since 1970 for messages.
func epoch(seconds string) string {
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return seconds
	}
	return clock(time.Unix(n, 0))
}

func openAr(file string) (*os.File, []arMember, error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	var members []arMember
	for at := int64(8); at < info.Size(); {
		header := make([]byte, 60)
		if _, err := f.ReadAt(header, at); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("header at byte %d: %w", at, err), f.Close())
		}
		field := func(from, to int) string { return strings.TrimSpace(string(header[from:to])) }
		size, err := strconv.ParseInt(field(48, 58), 10, 64)
		if err != nil || size < 0 || size > info.Size()-at-60 || len(members) > 1000 {
			return nil, nil, errors.Join(fmt.Errorf("header at byte %d: invalid size %q", at, field(48, 58)), f.Close())
		}
		members = append(members, arMember{strings.TrimSuffix(field(0, 16), "/"), field(16, 28), field(28, 34), field(34, 40), field(40, 48), at + 60, size})
		at += 60 + size + size%2
	}
	return f, members, nil
}

// rpmTags are the tags of an rpm's header that messages name, and that builds often get wrong
// (https://rpm-software-management.github.io/rpm/manual/tags.html).
var rpmTags = map[uint32]string{1000: "NAME", 1001: "VERSION", 1002: "RELEASE", 1006: "BUILDTIME", 1007: "BUILDHOST", 1009: "SIZE", 1028: "FILESIZES", 1030: "FILEMODES",
	1034: "FILEMTIMES", 1035: "FILEDIGESTS", 1039: "FILEUSERNAME", 1040: "FILEGROUPNAME", 1044: "SOURCERPM", 5092: "PAYLOADDIGEST", 269: "SHA1HEADER", 273: "SHA256HEADER"}

// rpms compares two rpms: the tags of the header, and the payload. The signature header follows from both.
func (r *run) rpms(path []string, first, second string) error {
	tagsA, atA, err := rpmHeader(first)
	if err != nil {
		return r.damaged("first", err)
	}
	tagsB, atB, err := rpmHeader(second)
	if err != nil {
		return r.damaged("second", err)
	}
	var names []uint32
	for tag := range tagsA {
		names = append(names, tag)
	}
	for tag := range tagsB {
		if _, ok := tagsA[tag]; !ok {
			names = append(names, tag)
		}
	}
	slices.Sort(names)
	for _, tag := range names {
		if a, b := tagsA[tag], tagsB[tag]; a != b {
			name := rpmTags[tag]
			if name == "" {
				name = fmt.Sprint(tag)
			}
			if tag == 1006 && len(a) == 4 && len(b) == 4 {
				a, b = clock(time.Unix(int64(binary.BigEndian.Uint32([]byte(a))), 0)), clock(time.Unix(int64(binary.BigEndian.Uint32([]byte(b))), 0))
			}
			r.values(path, fmt.Sprintf("tag %s of the header", name), a, b, excerpt(nil, []byte(a)), excerpt(nil, []byte(b)))
		}
	}
	p, err := r.newPair()
	if err != nil {
		return err
	}
	defer p.remove()
	for _, c := range []struct {
		from, to string
		at       int64
	}{{first, p.first, atA}, {second, p.second, atB}} {
		f, err := regular.Open(c.from)
		if err != nil {
			return err
		}
		err = r.spool(c.to, section(f, c.at, 1<<62))
		f.Close()
		if err != nil {
			return err
		}
	}
	return r.files(append(path, "payload"), p.first, p.second)
}

// rpmHeader returns the values of the tags of an rpm's header, and where its payload begins
// (https://rpm-software-management.github.io/rpm/manual/format_v4.html).
func rpmHeader(file string) (map[uint32]string, int64, error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	tags, at := map[uint32]string(nil), int64(96) // behind the lead
	for i := range 2 {
		intro := make([]byte, 16)
		if _, err := f.ReadAt(intro, at); err != nil || string(intro[:3]) != "\x8e\xad\xe8" {
			return nil, 0, fmt.Errorf("missing header at byte %d", at)
		}
		entries, size := int64(binary.BigEndian.Uint32(intro[8:])), int64(binary.BigEndian.Uint32(intro[12:]))
		if entries > 1<<16 || size > maxText {
			return nil, 0, fmt.Errorf("header at byte %d: %d tags of %d bytes are too much", at, entries, size)
		}
		whole := make([]byte, 16*entries+size)
		if _, err := f.ReadAt(whole, at+16); err != nil {
			return nil, 0, fmt.Errorf("header at byte %d: %w", at, err)
		}
		at += 16 + int64(len(whole))
		if i == 0 {
			at += -at & 7 // the first header is padded, the second is not
			continue
		}
		tags = rpmValues(whole[:16*entries], whole[16*entries:])
	}
	return tags, at, nil
}

// rpmValues cuts the data of a header. A value ends where the next one begins.
func rpmValues(index, data []byte) map[uint32]string {
	type place struct{ tag, offset uint32 }
	var places []place
	for at := 0; at+16 <= len(index); at += 16 {
		places = append(places, place{binary.BigEndian.Uint32(index[at:]), binary.BigEndian.Uint32(index[at+8:])})
	}
	slices.SortStableFunc(places, func(a, b place) int { return int(int64(a.offset) - int64(b.offset)) })
	values := map[uint32]string{}
	for i, p := range places {
		end := uint32(len(data))
		if i+1 < len(places) {
			end = min(end, places[i+1].offset)
		}
		if p.offset <= end {
			values[p.tag] = strings.TrimRight(string(data[p.offset:end]), "\x00")
		}
	}
	return values
}
