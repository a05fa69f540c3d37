package sbom

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/blakesmith/ar"
	"github.com/cavaliergopher/cpio"

	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
	"github.com/slipway-build/slipway/images/attest/sbom/rpm"
	"github.com/slipway-build/slipway/images/fstree"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// arMagic starts an ar archive.
const arMagic = "!<arch>\n"

// deb reads a package of Debian: an ar archive with control.tar and data.tar, both compressed (deb(5)).
func (b *bundle) deb(f *os.File) error {
	archive := ar.NewReader(bufio.NewReader(streams.WithContext(b.ctx, f)))
	for {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("not a deb: %w", err)
		}
		name := strings.TrimRight(h.Name, "/")
		control := strings.HasPrefix(name, "control.tar")
		if !control && !strings.HasPrefix(name, "data.tar") {
			continue
		}
		_, content, err := sniff.Open(archive)
		if err == nil {
			if control {
				err = b.control(content)
			} else {
				err = b.tar(content)
			}
			err = errors.Join(err, content.Close())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if b.itself == nil {
		return errors.New("not a deb: missing control.tar")
	}
	return nil
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
