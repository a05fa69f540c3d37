package rpm

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A database reads the values of a database.
type database struct {
	r    io.ReaderAt
	size int64
	// left is the number of bytes that further values may have.
	left int64
	// value is called with each value, and must not keep it. Its error ends reading.
	value func([]byte) error
}

// Installed returns the headers of the packages in a database of size bytes. If it fails, it also returns those that it
// found before the error. Keys, which rpm stores like packages (gpg-pubkey), are left out.
func Installed(r io.ReaderAt, size int64) ([]*Header, error) {
	var (
		found []*Header
		bad   error
	)
	db, limit := &database{r: r, size: size, left: size}, budget(maxText)
	db.value = func(blob []byte) error {
		h, err := parseHeader(blob, &limit)
		switch {
		case err != nil:
			bad = err
		case h.Name != "gpg-pubkey":
			found = append(found, h)
		}
		if limit < 0 {
			return fmt.Errorf("the packages need more than %d MiB of memory", maxText>>20)
		}
		return nil
	}
	head := make([]byte, 100)
	if err := db.read(head, 0); err != nil {
		return nil, errors.New("the rpm database is truncated")
	}
	var err error
	switch {
	case bytes.HasPrefix(head, sqliteMagic):
		err = db.sqlite(head)
	case binary.LittleEndian.Uint32(head) == ndbMagic:
		err = db.ndb(head)
	case binary.LittleEndian.Uint32(head[12:]) == hashMagic:
		err = db.berkeley(head, binary.LittleEndian)
	case binary.BigEndian.Uint32(head[12:]) == hashMagic:
		err = db.berkeley(head, binary.BigEndian)
	default:
		err = errors.New("not a database of rpm")
	}
	if err == nil {
		err = bad
	}
	if err != nil {
		err = fmt.Errorf("reading an rpm database: %w", err)
	}
	return found, err
}

// read fills p from an offset.
func (db *database) read(p []byte, offset int64) error {
	if offset < 0 || offset+int64(len(p)) > db.size {
		return fmt.Errorf("offset %d is out of range", offset)
	}
	if n, err := db.r.ReadAt(p, offset); n < len(p) {
		return err
	}
	return nil
}

// page returns a page, numbered from zero.
func (db *database) page(number, size int64) ([]byte, error) {
	p := make([]byte, size)
	return p, db.read(p, number*size)
}

// take subtracts the size of a value from left.
func (db *database) take(n int64) error {
	if n < 0 || n > db.left || n > maxData {
		return errors.New("the values are longer than the file")
	}
	db.left -= n
	return nil
}

// ndbMagic is RpmP.
const (
	ndbMagic     = 'R' | 'p'<<8 | 'm'<<16 | 'P'<<24
	ndbSlotMagic = 'S' | 'l'<<8 | 'o'<<16 | 't'<<24
	ndbBlobMagic = 'B' | 'l'<<8 | 'b'<<16 | 'S'<<24
)

// ndb reads a database in the format of ndb: slots of 16 bytes after a header of 32, and blobs at multiples of 16.
func (db *database) ndb(head []byte) error {
	const slotSize, slotsInPage, headerSlots = 16, 256, 2
	if version := binary.LittleEndian.Uint32(head[4:]); version != 0 {
		return fmt.Errorf("version %d of ndb is not known", version)
	}
	count := int64(binary.LittleEndian.Uint32(head[12:]))*slotsInPage - headerSlots
	if count < 0 || headerSlots+count > db.size/slotSize {
		return errors.New("the number of slots is out of range")
	}
	slots := bufio.NewReader(io.NewSectionReader(db.r, headerSlots*slotSize, count*slotSize))
	slot := make([]byte, slotSize)
	for range count {
		if _, err := io.ReadFull(slots, slot); err != nil {
			return err
		}
		if binary.LittleEndian.Uint32(slot) != ndbSlotMagic {
			return errors.New("invalid slot")
		}
		index, block := binary.LittleEndian.Uint32(slot[4:]), int64(binary.LittleEndian.Uint32(slot[8:]))
		if index == 0 {
			continue // a free slot
		}
		intro := make([]byte, 16)
		if err := db.read(intro, block*slotSize); err != nil {
			return err
		}
		length := int64(binary.LittleEndian.Uint32(intro[12:]))
		if binary.LittleEndian.Uint32(intro) != ndbBlobMagic || binary.LittleEndian.Uint32(intro[4:]) != index {
			return fmt.Errorf("invalid blob of package %d", index)
		}
		if err := db.take(length); err != nil {
			return err
		}
		blob := make([]byte, length)
		if err := db.read(blob, block*slotSize+int64(len(intro))); err != nil {
			return err
		}
		if err := db.value(blob); err != nil {
			return err
		}
	}
	return nil
}
