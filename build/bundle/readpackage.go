package bundle

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// walkDeb reads a deb: an ar archive with three members, the last of which is the tar of the files
// (deb(5)).
func walkDeb(file *os.File, see seeFunc) error {
	magic := make([]byte, len("!<arch>\n"))
	if _, err := io.ReadFull(file, magic); err != nil || string(magic) != "!<arch>\n" {
		return fmt.Errorf("not an ar archive: it starts with %q", magic)
	}
	for _, want := range []string{"debian-binary", "control.tar.gz", "data.tar.gz"} {
		header := make([]byte, 60)
		if _, err := io.ReadFull(file, header); err != nil {
			return fmt.Errorf("reading the header of %s: %w", want, err)
		}
		name := strings.TrimRight(string(header[:16]), " /")
		size, err := strconv.ParseInt(strings.TrimSpace(string(header[48:58])), 10, 64)
		if err != nil || name != want {
			return fmt.Errorf("found member %q of %q bytes, want %s", name, header[48:58], want)
		}
		member := io.LimitReader(file, size)
		switch want {
		case "control.tar.gz":
			err = walkGzippedTar(member, func(string, fs.FileMode, string, io.Reader) error { return nil })
		case "data.tar.gz":
			err = walkGzippedTar(member, see)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", want, err)
		}
		// Members start at even offsets.
		if _, err := io.CopyN(io.Discard, file, member.(*io.LimitedReader).N+size%2); err != nil && !(err == io.EOF && want == "data.tar.gz") {
			return fmt.Errorf("%s: %w", want, err)
		}
	}
	return nil
}

// walkRPM reads an rpm: an unused lead, two headers, and a cpio archive of the files
// (https://rpm-software-management.github.io/rpm/manual/format_v4.html).
func walkRPM(file *os.File, see seeFunc) error {
	const lead = 96
	if _, err := file.Seek(lead, io.SeekStart); err != nil {
		return err
	}
	for _, name := range []string{"signature", "header"} {
		size, err := headerSize(file)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if name == "signature" {
			size += -size & 7 // the first header is padded, the second is not
		}
		if _, err := file.Seek(size, io.SeekCurrent); err != nil {
			return err
		}
	}
	body, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	if err := walkCpio(body, see); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, body)
	return err
}

// headerSize reads the start of an rpm header, and returns the number of bytes after it.
func headerSize(r io.Reader) (int64, error) {
	intro := make([]byte, 16)
	if _, err := io.ReadFull(r, intro); err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(intro, []byte{0x8e, 0xad, 0xe8, 1}) {
		return 0, fmt.Errorf("not an rpm header: it starts with %x", intro[:4])
	}
	entries, data := binary.BigEndian.Uint32(intro[8:]), binary.BigEndian.Uint32(intro[12:])
	return int64(entries)*16 + int64(data), nil
}

// walkCpio calls see for each entry of a cpio archive in newc format (cpio(5)).
func walkCpio(r io.Reader, see seeFunc) error {
	for {
		header := make([]byte, 110)
		if _, err := io.ReadFull(r, header); err != nil {
			return fmt.Errorf("cpio: %w", err)
		}
		if string(header[:6]) != "070701" {
			return fmt.Errorf("cpio: invalid entry: it starts with %q", header[:6])
		}
		mode, errMode := hexField(header, 1)
		size, errSize := hexField(header, 6)
		length, errLength := hexField(header, 11)
		if err := errors.Join(errMode, errSize, errLength); err != nil {
			return fmt.Errorf("cpio: %w", err)
		}
		padded := make([]byte, length+(-(110+length)&3))
		if _, err := io.ReadFull(r, padded); err != nil {
			return fmt.Errorf("cpio: %w", err)
		}
		name := strings.TrimRight(string(padded), "\x00")
		if name == "TRAILER!!!" {
			return nil
		}
		if err := seeCpio(name, mode, io.LimitReader(r, size), see); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, r, -size&3); err != nil {
			return fmt.Errorf("cpio: %w", err)
		}
	}
}

// seeCpio calls see for one entry, and skips the rest of its content.
func seeCpio(name string, mode int64, body io.Reader, see seeFunc) error {
	kind, link := goMode(fs.FileMode(mode&0o7777)), ""
	switch mode & 0o170000 {
	case 0o040000:
		kind |= fs.ModeDir
	case 0o120000:
		target, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		kind, link = kind|fs.ModeSymlink, string(target)
	case 0o100000:
	default:
		return fmt.Errorf("%s: unexpected mode %o", name, mode)
	}
	if err := see(name, kind, link, body); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, body)
	return err
}

// hexField returns one of the eight-digit fields after the magic of a cpio entry.
func hexField(header []byte, index int) (int64, error) {
	return strconv.ParseInt(string(header[6+8*index:14+8*index]), 16, 64)
}
