package rpm

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// sqliteMagic starts a database of SQLite.
var sqliteMagic = []byte("SQLite format 3\x00")

// Types of pages of a table (https://www.sqlite.org/fileformat2.html#b_tree_pages).
const (
	tableInterior = 0x05
	tableLeaf     = 0x0d
)

// maxDepth is the depth of the largest table that SQLite can make.
const maxDepth = 20

// A sqlite is a database of SQLite.
type sqlite struct {
	*database
	pageSize, usable int64
	// pages is the number of pages of tables that may still be read. Each page belongs to one table.
	pages int64
}

// sqlite reads the column blob of the table Packages (hnum INTEGER PRIMARY KEY, blob BLOB).
func (db *database) sqlite(head []byte) error {
	s := &sqlite{database: db, pageSize: int64(binary.BigEndian.Uint16(head[16:]))}
	if s.pageSize == 1 {
		s.pageSize = 1 << 16
	}
	s.usable = s.pageSize - int64(head[20])
	if s.pageSize < 512 || s.pageSize&(s.pageSize-1) != 0 || s.usable < 480 {
		return fmt.Errorf("page size %d is out of range", s.pageSize)
	}
	s.pages = db.size / s.pageSize
	root := int64(0)
	// The first page is the root of the schema: type, name, tbl_name, rootpage, sql.
	err := s.table(1, 0, func(record []byte) error {
		columns, err := columnsOf(record, 4)
		if err == nil && len(columns) == 4 && string(columns[0]) == "table" && string(columns[1]) == "Packages" {
			for _, b := range columns[3] {
				root = root<<8 | int64(b)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if root <= 0 {
		return errors.New("missing table Packages")
	}
	return s.table(root, 0, func(record []byte) error {
		columns, err := columnsOf(record, 2)
		if err == nil && len(columns) == 2 {
			err = db.value(columns[1])
		}
		return err
	})
}

// table calls each with each record of a table. number is the page of its root, or a page below it, and counts from 1.
func (s *sqlite) table(number int64, depth int, each func([]byte) error) error {
	if s.pages--; s.pages < 0 || depth > maxDepth {
		return errors.New("pages of a table lead in a circle")
	}
	if number < 1 {
		return fmt.Errorf("page %d is out of range", number)
	}
	page, err := s.page(number-1, s.pageSize)
	if err != nil {
		return err
	}
	header := int64(0)
	if number == 1 {
		header = 100 // the header of the file is in the first page
	}
	kind, count := page[header], int64(binary.BigEndian.Uint16(page[header+3:]))
	cells := header + 8
	if kind == tableInterior {
		cells += 4
	}
	if cells+count*2 > s.pageSize {
		return errors.New("the number of cells of a page is out of range")
	}
	for i := range count {
		at := int64(binary.BigEndian.Uint16(page[cells+i*2:]))
		if at+4 > s.pageSize {
			return errors.New("the offset of a cell is out of range")
		}
		switch kind {
		case tableInterior:
			err = s.table(int64(binary.BigEndian.Uint32(page[at:])), depth+1, each)
		case tableLeaf:
			err = s.record(page[:s.usable], at, each)
		default:
			err = fmt.Errorf("page %d is not a page of a table", number)
		}
		if err != nil {
			return err
		}
	}
	if kind == tableInterior {
		return s.table(int64(binary.BigEndian.Uint32(page[header+8:])), depth+1, each)
	}
	return nil
}

// record reads the cell at an offset of a leaf: the length of the record, the row's number, the start of the record,
// and the number of the page on which it continues.
func (s *sqlite) record(page []byte, at int64, each func([]byte) error) error {
	if at >= int64(len(page)) {
		return errors.New("the offset of a cell is out of range")
	}
	cell := page[at:]
	length, n := varint(cell)
	_, m := varint(cell[n:])
	if n == 0 || m == 0 {
		return errors.New("a cell is truncated")
	}
	cell = cell[n+m:]
	if err := s.take(length); err != nil {
		return err
	}
	local := s.local(length)
	if local > int64(len(cell)) {
		return errors.New("a cell is truncated")
	}
	record := append(make([]byte, 0, length), cell[:local]...)
	if local == length {
		return each(record)
	}
	if local+4 > int64(len(cell)) {
		return errors.New("a cell is truncated")
	}
	next := int64(binary.BigEndian.Uint32(cell[local:]))
	for int64(len(record)) < length {
		overflow, err := s.page(next-1, s.pageSize)
		if err != nil {
			return err
		}
		next = int64(binary.BigEndian.Uint32(overflow))
		record = append(record, overflow[4:min(s.usable, 4+length-int64(len(record)))]...)
	}
	return each(record)
}

// local returns how many bytes of a record are in its cell
// (https://www.sqlite.org/fileformat2.html#cell_payload_overflow_pages).
func (s *sqlite) local(length int64) int64 {
	most := s.usable - 35
	if length <= most {
		return length
	}
	least := (s.usable-12)*32/255 - 23
	if k := least + (length-least)%(s.usable-4); k <= most {
		return k
	}
	return least
}

// columnsOf returns the first count values of a record, or all if it has fewer. Its header has their types, which give
// their lengths (https://www.sqlite.org/fileformat2.html#record_format).
func columnsOf(record []byte, count int) (columns [][]byte, err error) {
	bad := errors.New("a record is truncated")
	size, n := varint(record)
	if n == 0 || size < int64(n) || size > int64(len(record)) {
		return nil, bad
	}
	types, values := record[n:size], record[size:]
	for len(types) > 0 && len(columns) < count {
		kind, n := varint(types)
		if n == 0 || kind < 0 {
			return nil, bad
		}
		types = types[n:]
		length := int64(0)
		switch {
		case kind >= 12:
			length = (kind - 12) / 2
		case kind <= 4:
			length = kind
		case kind == 5:
			length = 6
		case kind <= 7:
			length = 8
		}
		if length > int64(len(values)) {
			return nil, bad
		}
		columns, values = append(columns, values[:length]), values[length:]
	}
	return columns, nil
}

// varint reads a number of up to nine bytes, the most significant first: seven bits of each byte, and eight of the
// ninth. size is 0 if the number is truncated.
func varint(p []byte) (value int64, size int) {
	for i := 0; i < len(p) && i < 9; i++ {
		if i == 8 {
			return value<<8 | int64(p[i]), 9
		}
		value = value<<7 | int64(p[i]&0x7f)
		if p[i]&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, 0
}
