package sbom

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
	"github.com/slipway-build/slipway/images/attest/sbom/rpm"
	"github.com/slipway-build/slipway/images/fstree"
	"github.com/slipway-build/slipway/images/layer"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// File returns the inventory of a file: a program, a tar, compressed or not, a zip, a package of Debian, rpm, Alpine or
// Arch Linux, or any other file. What is known is not read again.
func (c *Catalog) File(ctx context.Context, path string, known Known) (*Inventory, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in, err := c.file(ctx, filepath.Base(path), f, known)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return in, nil
}

func (c *Catalog) file(ctx context.Context, name string, f *os.File, known Known) (*Inventory, error) {
	b := &bundle{catalog: c, ctx: ctx, name: name, known: known, scan: catalog.NewScan(c.Temp)}
	if known.Contents != nil {
		b.scan = known.Contents.scan
	} else if p, ok := c.Programs.find(name, known.Digest); ok {
		b.program = &p
	}
	defer b.scan.Close()
	if err := b.read(f); err != nil {
		return nil, err
	}
	subject, err := b.subject(f)
	if err != nil {
		return nil, err
	}
	s := newSurvey()
	if err := s.add(name, b.scan.Layer(), layer.Plain); err != nil {
		return nil, err
	}
	in, err := s.inventory()
	if err != nil {
		return nil, err
	}
	in.Subject = subject
	in.describe(b.itself)
	return in, nil
}

// subject describes f. A file that is not a bundle was hashed when it was read.
func (b *bundle) subject(f *os.File) (Subject, error) {
	if b.known.Digest != "" {
		return Subject{Kind: FileKind, Name: b.name, Digest: b.known.Digest}, nil
	}
	if l := b.scan.Layer(); b.plain {
		return Subject{Kind: FileKind, Name: b.name, Digest: hex.EncodeToString(l.Digests[0].SHA256[:])}, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Subject{}, err
	}
	return FileSubject(b.ctx, FileKind, b.name, f)
}

// FileSubject describes a file with the content r.
func FileSubject(ctx context.Context, kind Kind, name string, r io.Reader) (Subject, error) {
	h := sha256.New()
	_, err := io.Copy(h, streams.WithContext(ctx, r))
	return Subject{Kind: kind, Name: name, Digest: hex.EncodeToString(h.Sum(nil))}, err
}

// describe adds itself, if it is set, and assigns all files to the component of the package that the subject is. itself
// is nil unless the description of the package was found outside of the files.
func (in *Inventory) describe(itself *catalog.Package) {
	var own *Component
	if itself != nil {
		own = packageComponent(itself, nil)
		if at, known := slices.BinarySearchFunc(in.Components, own, (*Component).compare); known {
			own = in.Components[at]
		} else {
			in.Components = slices.Insert(in.Components, at, own)
		}
	}
	for _, c := range in.Components {
		if len(c.FoundIn) == 1 && c.FoundIn[0] == catalog.PackageInfo {
			own = c
		}
	}
	if own == nil {
		return
	}
	in.Subject.Version, in.Subject.PURL = own.Version, own.PURL
	for _, f := range in.Files {
		own.Files = append(own.Files, f.Path)
	}
}

// A bundle reads the files in a file.
type bundle struct {
	catalog *Catalog
	ctx     context.Context // of one call of File
	name    string
	known   Known
	scan    *catalog.Scan
	plain   bool     // the file is the only one
	program *program // what the file is, if it is known
	// itself describes the package that the file is, if the description is not in one of its files.
	itself *catalog.Package
}

func (b *bundle) read(f *os.File) error {
	if b.program != nil {
		return b.addProgram(f)
	}
	head := make([]byte, sniff.HeadLen)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && err != io.EOF {
		return err
	}
	head = head[:n]
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	switch {
	case bytes.HasPrefix(head, []byte(arMagic)):
		return b.deb(f)
	case rpm.IsPackage(head):
		return b.rpm(f)
	case b.known.Contents != nil:
		return nil
	case bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return b.zip(f)
	}
	isTar, err := b.tarOrNot(f)
	if err != nil || isTar {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	b.plain = true
	return b.scan.Add(b.plainHeader(info), streams.WithContext(b.ctx, f))
}

// addProgram adds the program that the file is.
func (b *bundle) addProgram(f *os.File) error {
	info, err := f.Stat()
	if err == nil {
		b.scan.AddKnown(b.plainHeader(info), b.program.digests, b.program.facts)
	}
	return err
}

// plainHeader describes the file as the only one.
func (b *bundle) plainHeader(info os.FileInfo) *fstree.Header {
	return &fstree.Header{Name: b.name, Type: tar.TypeReg, Mode: 0o644, Size: info.Size()}
}

// tarOrNot reads a tar that may be compressed. It returns false for a file of another format. A damaged compressed file,
// which may have been a tar, is an error.
func (b *bundle) tarOrNot(r io.Reader) (isTar bool, err error) {
	compression, content, err := sniff.Open(r)
	if compression == sniff.Lz4 {
		return false, nil // it cannot be read
	}
	if err != nil {
		return false, err
	}
	defer content.Close()
	buffered := bufio.NewReader(content)
	head, err := buffered.Peek(tarBlock)
	if err != nil && err != io.EOF && !(errors.Is(err, sniff.ErrTrailing) && len(head) > 0) {
		return false, fmt.Errorf("decompressing %s: %w", compression, err)
	}
	if !sniff.IsTar(head) {
		return false, nil
	}
	return true, b.tar(buffered)
}

// tarBlock is the size of the header of a tar, in bytes.
const tarBlock = 512

func (b *bundle) tar(r io.Reader) error {
	open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(r), nil }
	return b.catalog.Limits.Read(b.ctx, &fstree.Archive{ID: b.name, Open: open}, b.scan.Add)
}

// zip reads a zip, with the same limits as for a tar.
func (b *bundle) zip(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(f, info.Size())
	if err != nil {
		return err
	}
	counter := b.counter()
	for _, member := range archive.File {
		kind, mode := byte(tar.TypeReg), member.Mode()
		switch {
		case mode.IsDir():
			kind = tar.TypeDir
		case mode&os.ModeSymlink != 0:
			kind = tar.TypeSymlink
		case !mode.IsRegular():
			continue
		}
		h := &fstree.Header{Name: member.Name, Type: kind, Mode: int64(mode.Perm()), Size: int64(min(member.UncompressedSize64, 1<<62))}
		if err := counter.count(h); err != nil {
			return err
		}
		if err := b.member(member, h); err != nil {
			return fmt.Errorf("file %q: %w", member.Name, err)
		}
	}
	return nil
}

func (b *bundle) member(member *zip.File, h *fstree.Header) error {
	content, err := member.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	if h.Type == tar.TypeSymlink {
		target, err := io.ReadAll(io.LimitReader(content, maxLink))
		if err != nil {
			return err
		}
		h.Link, h.Size = string(target), 0
	}
	// The package zip checks the size, and the checksum at the end.
	return b.scan.Add(h, streams.WithContext(b.ctx, content))
}

// maxLink is the length of the longest path on Linux, in bytes.
const maxLink = 4096

// A counter enforces the limits.
type counter struct {
	limits  fstree.Limits
	entries int
	bytes   int64
}

func (b *bundle) counter() *counter { return &counter{limits: b.catalog.Limits.OrDefaults()} }

func (c *counter) count(h *fstree.Header) error {
	c.entries++
	if h.Size > c.limits.Bytes-c.bytes || c.entries > c.limits.Entries {
		return fmt.Errorf("it unpacks to more than %d bytes or %d entries, which is the limit", c.limits.Bytes, c.limits.Entries)
	}
	c.bytes += h.Size
	return nil
}
