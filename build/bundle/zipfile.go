package bundle

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

func checkZip(b *bundle) error {
	errs := []error{checkArchive(b)}
	for _, e := range b.entries {
		if e.mode.Type() == fs.ModeSymlink {
			errs = append(errs, fmt.Errorf("%s: a symbolic link (to %s), which Windows does not unpack from a zip: replace it with a copy, or write a .tar.gz", e.origin, e.link))
		}
	}
	return errors.Join(errs...)
}

func writeZip(ctx context.Context, w io.Writer, b *bundle) error {
	archive := zip.NewWriter(w)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return newDeflater(w), nil })
	modified := b.epoch
	// Times in a zip are DOS times (APPNOTE.TXT, section 4.4.6).
	if first := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC); modified.Before(first) {
		modified = first
	}
	for _, e := range b.entries {
		if err := writeZipEntry(ctx, archive, b, e, modified); err != nil {
			return fmt.Errorf("%s: %w", e.origin, err)
		}
	}
	return archive.Close()
}

func writeZipEntry(ctx context.Context, archive *zip.Writer, b *bundle, e entry, modified time.Time) error {
	header := &zip.FileHeader{Name: e.path, Method: zip.Deflate, Modified: modified}
	header.SetMode(e.mode)
	if e.mode.IsDir() {
		header.Name += "/"
		header.Method = zip.Store
	}
	w, err := archive.CreateHeader(header)
	if err != nil || e.source == "" {
		return err
	}
	body, err := b.open(ctx, e)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(w, body)
	return err
}

func walkZip(file *os.File, see seeFunc) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(file, info.Size())
	if err != nil {
		return err
	}
	for _, f := range archive.File {
		body, err := f.Open()
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		err = see(f.Name, f.Mode(), "", body)
		if err := errors.Join(err, body.Close()); err != nil {
			return err
		}
	}
	return nil
}
