package sbom

import (
	"archive/tar"
	"context"
	"errors"
	"io/fs"

	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
	"github.com/slipway-build/slipway/images/fstree"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
)

// Known is what the caller knows of a file, so that it need not be read from the file.
type Known struct {
	// Digest is the SHA-256 in hexadecimal, or empty.
	Digest string
	// Contents are all entries of a bundle, or nil. They must be nil for packages of Alpine and Arch Linux, which describe
	// themselves in a file among the others.
	Contents *Contents
}

// Contents are the entries of a bundle, which are read from the files that were packed. They may be used by one goroutine
// at a time.
type Contents struct {
	catalog *Catalog
	scan    *catalog.Scan
}

// Contents returns Contents without entries.
func (c *Catalog) Contents() *Contents { return &Contents{c, catalog.NewScan(c.Temp)} }

// Add adds an entry with a name. The content of a regular file is that of the file source, whose SHA-256 is digest in
// hexadecimal, or empty if it is not known. A program of the Catalog's Programs is not read.
func (c *Contents) Add(ctx context.Context, name string, mode fs.FileMode, link, source, digest string) error {
	h := &fstree.Header{Name: name, Type: tar.TypeReg, Mode: int64(mode.Perm()), Link: link}
	switch mode.Type() {
	case fs.ModeDir:
		h.Type = tar.TypeDir
	case fs.ModeSymlink:
		h.Type = tar.TypeSymlink
	}
	if h.Type != tar.TypeReg {
		return c.scan.Add(h, nil)
	}
	f, err := regular.Open(source)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h.Size = info.Size()
	if known, ok := c.catalog.Programs.find(name, digest); ok {
		c.scan.AddKnown(h, known.digests, known.facts)
		return nil
	}
	// Nobody closes the scan if the bundle is not written.
	if err := errors.Join(c.scan.Add(h, streams.WithContext(ctx, f)), c.scan.Close()); err != nil {
		return err
	}
	c.catalog.Programs.learn(c.scan.Layer(), len(c.scan.Layer().Headers)-1)
	return nil
}
