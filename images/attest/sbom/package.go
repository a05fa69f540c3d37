package sbom

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/cavaliergopher/cpio"

	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
	"github.com/slipway-build/slipway/images/attest/sbom/rpm"
	"github.com/slipway-build/slipway/images/fstree"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// arMagic starts an ar archive. Each member has a header of arHeader bytes, with its name at arName and its size, in
// decimal digits, at arSize, and starts at an even offset (ar(5)).
const (
	arMagic  = "!<arch>\n"
	arHeader = 60
	arName   = 16
	arSize   = 48
)

// deb reads a package of Debian: an ar archive with control.tar and data.tar, both compressed (deb(5)).
func (b *bundle) deb(f *os.File) error {
	r := bufio.NewReader(streams.WithContext(b.ctx, f))
	if _, err := r.Discard(len(arMagic)); err != nil {
		return err
	}
	for b.itself == nil || b.known.Contents == nil {
		header := make([]byte, arHeader)
		if _, err := io.ReadFull(r, header); err == io.EOF {
			break
		} else if err != nil {
			return fmt.Errorf("not a deb: %w", err)
		}
		name := strings.TrimRight(string(header[:arName]), " /")
		size, err := strconv.ParseInt(strings.TrimSpace(string(header[arSize:arSize+10])), 10, 64)
		if err != nil || size < 0 {
			return fmt.Errorf("not a deb: member %q has the size %q", name, header[arSize:arSize+10])
		}
		member := &io.LimitedReader{R: r, N: size}
		if err := b.debMember(name, member); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, err := io.CopyN(io.Discard, r, member.N+size%2); err == io.EOF {
			break // the padding of the last member may be missing
		} else if err != nil {
			return err
		}
	}
	if b.itself == nil {
		return errors.New("not a deb: missing control.tar")
	}
	return nil
}

func (b *bundle) debMember(name string, member io.Reader) error {
	read := b.tar
	switch {
	case strings.HasPrefix(name, "control.tar"):
		read = b.control
	case !strings.HasPrefix(name, "data.tar"):
		return nil
	}
	_, content, err := sniff.Open(member)
	if err != nil {
		return err
	}
	return errors.Join(read(content), content.Close())
}

// control reads the file control of a control.tar.
func (b *bundle) control(r io.Reader) error {
	members := tar.NewReader(r)
	for {
		h, err := members.Next()
		if err == io.EOF {
			return errors.New("missing file control")
		}
		if err != nil {
			return err
		}
		if path.Clean("/"+h.Name) == "/control" {
			p, err := catalog.ControlFile(members)
			b.itself = &p
			return err
		}
	}
}

// rpm reads a package of rpm: headers, and a compressed cpio archive.
func (b *bundle) rpm(f *os.File) error {
	r := bufio.NewReader(streams.WithContext(b.ctx, f))
	h, err := rpm.ReadPackage(r)
	if err != nil {
		return err
	}
	p := catalog.RPMPackage(h)
	p.Files = nil
	b.itself = &p
	if b.known.Contents != nil {
		return nil
	}
	_, content, err := sniff.Open(r)
	if err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	defer content.Close()
	archive, counter := cpio.NewReader(content), b.counter()
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("payload: %w", err)
		}
		kind := byte(tar.TypeReg)
		switch h.Mode & cpio.ModeType {
		case cpio.TypeReg:
		case cpio.TypeDir:
			kind = tar.TypeDir
		case cpio.TypeSymlink:
			kind = tar.TypeSymlink
		default:
			continue
		}
		entry := &fstree.Header{Name: h.Name, Type: kind, Mode: int64(h.Mode & cpio.ModePerm), Size: h.Size, Link: h.Linkname}
		if err := counter.count(entry); err != nil {
			return err
		}
		if err := b.scan.Add(entry, archive); err != nil {
			return err
		}
	}
}
