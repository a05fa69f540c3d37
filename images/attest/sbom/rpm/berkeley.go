package rpm

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// hashMagic is the magic number of a hash table of Berkeley DB.
const hashMagic = 0x061561

// Types of pages and items of Berkeley DB, and the size of the header of a page.
const (
	pageHashUnsorted = 2
	pageOverflow     = 7
	pageHash         = 13
	itemOffPage      = 3
	pageHeaderSize   = 26
)

// berkeley reads a hash table of Berkeley DB. The headers are on overflow pages; shorter values are not headers.
func (db *database) berkeley(head []byte, order binary.ByteOrder) error {
	size := int64(order.Uint32(head[20:]))
	if size < 512 || size > 1<<16 || size&(size-1) != 0 {
		return fmt.Errorf("page size %d is out of range", size)
	}
	last := int64(order.Uint32(head[32:]))
	if (last+1)*size > db.size {
		return errors.New("the database is truncated")
	}
	pages := last + 1 // of overflow pages: each belongs to one value
	for number := int64(0); number <= last; number++ {
		page, err := db.page(number, size)
		if err != nil {
			return err
		}
		if kind := page[25]; kind != pageHash && kind != pageHashUnsorted {
			continue
		}
		entries := int64(order.Uint16(page[20:]))
		if pageHeaderSize+entries*2 > size {
			return errors.New("the number of entries of a page is out of range")
		}
		// Keys and values alternate.
		for i := int64(1); i < entries; i += 2 {
			at := int64(order.Uint16(page[pageHeaderSize+i*2:]))
			if at+12 > size || page[at] != itemOffPage {
				continue
			}
			first, length := int64(order.Uint32(page[at+4:])), int64(order.Uint32(page[at+8:]))
			if err := db.overflow(first, length, size, order, &pages); err != nil {
				return err
			}
		}
	}
	return nil
}

// overflow reads a value of length bytes from a chain of pages, of which pages is the largest number.
func (db *database) overflow(number, length, size int64, order binary.ByteOrder, pages *int64) error {
	if err := db.take(length); err != nil {
		return err
	}
	blob := make([]byte, 0, length)
	for int64(len(blob)) < length {
		if *pages--; *pages < 0 {
			return errors.New("overflow pages belong to several values")
		}
		page, err := db.page(number, size)
		if err != nil {
			return err
		}
		used := int64(order.Uint16(page[22:]))
		if page[25] != pageOverflow || used == 0 || pageHeaderSize+used > size {
			return fmt.Errorf("page %d is not a valid overflow page", number)
		}
		blob = append(blob, page[pageHeaderSize:pageHeaderSize+used]...)
		number = int64(order.Uint32(page[16:]))
	}
	return db.value(blob[:length])
}
