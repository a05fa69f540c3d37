package rpm

import (
	"bytes"
	"encoding/binary"
	"io"
	"runtime"
	"strings"
	"testing"
)

// header returns a header with the given entries: tag, type, offset and count.
func header(data []byte, entries ...[4]uint32) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(entries)))
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
	for _, e := range entries {
		for _, n := range e {
			out = binary.BigEndian.AppendUint32(out, n)
		}
	}
	return append(out, data...)
}

// named is the entries of a header without which it is refused, with the name at the start of the data.
func named() [][4]uint32 {
	return [][4]uint32{{tagName, typeString, 0, 1}, {tagVersion, typeString, 0, 1}}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// However often a header repeats a tag, its data is parsed once.
func TestRepeatedTagsAreReadOnce(t *testing.T) {
	data := append([]byte("a\x00"), bytes.Repeat([]byte{'x', 0, 0, 0}, 2000)...)
	text := append([]byte("a\x00"), bytes.Repeat([]byte("x"), 8000)...)
	for name, c := range map[string]struct {
		data  []byte
		entry [4]uint32
	}{
		"indexes": {data, [4]uint32{tagDirIndexes, typeInt32, 2, 2000}},
		"names":   {data, [4]uint32{tagBaseNames, typeStringArray, 2, 8000}},
		"folders": {data, [4]uint32{tagDirNames, typeStringArray, 2, 8000}},
		"paths":   {data, [4]uint32{tagOldNames, typeStringArray, 2, 8000}},
		"text":    {text, [4]uint32{tagSummary, typeString, 2, 1}},
	} {
		entries := named()
		for range 4500 {
			entries = append(entries, c.entry)
		}
		blob, limit := header(c.data, entries...), budget(maxText)
		var err error
		if n := allocated(func() { _, err = parseHeader(blob, &limit) }); n > 4<<20 || err != nil {
			t.Errorf("%s: a header of %d bytes allocated %d: %v", name, len(blob), n, err)
		}
	}
}

func TestPathsAreLimited(t *testing.T) {
	const count = 100_000
	long := strings.Repeat("d", 1000)
	for name, blob := range map[string][]byte{
		"empty names": header(append([]byte("a\x00"), make([]byte, count)...), append(named(), [4]uint32{tagOldNames, typeStringArray, 2, count})...),
		"a shared folder": header(append([]byte("a\x00"+long+"\x00"), make([]byte, 4*count)...), append(named(),
			[4]uint32{tagDirNames, typeStringArray, 2, 1}, [4]uint32{tagBaseNames, typeStringArray, 1003, count}, [4]uint32{tagDirIndexes, typeInt32, 1003, count})...),
	} {
		limit := budget(1 << 20)
		h, err := parseHeader(blob, &limit)
		if err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, p := range h.Files {
			size += nameSize + len(p)
		}
		if limit >= 0 || size == 0 || size > 1<<20 {
			t.Errorf("%s: %d files need %d bytes, %d are left", name, len(h.Files), size, limit)
		}
	}
}

// circularHash returns a database of Berkeley DB with a value on a page that continues with itself.
func circularHash() []byte {
	hash := make([]byte, 1536)
	binary.LittleEndian.PutUint32(hash[12:], hashMagic)
	binary.LittleEndian.PutUint32(hash[20:], 512)
	hash[32] = 2
	hash[512+20], hash[512+25], hash[512+28], hash[512+100], hash[512+104], hash[512+108] = 2, pageHash, 100, itemOffPage, 2, 30
	hash[1024+16], hash[1024+22], hash[1024+25] = 2, 1, pageOverflow
	return hash
}

func TestOverflowPagesAreReadOnce(t *testing.T) {
	content := circularHash()
	_, err := Installed(bytes.NewReader(content), int64(len(content)))
	if err == nil || !strings.Contains(err.Error(), "overflow pages belong to several values") {
		t.Errorf("error %v", err)
	}
}

func TestOnlyNeededColumnsAreKept(t *testing.T) {
	types := make([]byte, 1<<20) // of NULL
	record := append([]byte{0xc0, 0x80, 0x03}, types...)
	columns, err := columnsOf(record, 2)
	if err != nil || len(columns) != 2 {
		t.Errorf("%d columns, %v; want 2", len(columns), err)
	}
}

// endless has the start of a database, and then zeros.
type endless []byte

func (e endless) ReadAt(p []byte, offset int64) (int, error) {
	clear(p)
	if offset < int64(len(e)) {
		copy(p, e[offset:])
	}
	return len(p), nil
}

func TestSlotsAreReadInPieces(t *testing.T) {
	head := make([]byte, 32)
	copy(head, "RpmP")
	binary.LittleEndian.PutUint32(head[12:], 1<<16)
	var r io.ReaderAt = endless(head)
	var err error
	n := allocated(func() { _, err = Installed(r, 1<<30) })
	if n > 1<<20 || err == nil || !strings.Contains(err.Error(), "invalid slot") {
		t.Errorf("allocated %d bytes: %v", n, err)
	}
}
