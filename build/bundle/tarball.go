package bundle

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// checkArchive refuses names that Windows could not unpack, in an archive for Windows.
func checkArchive(b *bundle) error {
	if b.pkg.Platform != "windows" {
		return nil
	}
	var errs []error
	spelled := map[string]string{}
	for _, e := range b.entries {
		if strings.ContainsAny(e.path, `<>:"|?*`) {
			errs = append(errs, fmt.Errorf(`%s: Windows does not allow <>:"|?* in file names`, e.path))
		}
		lower := strings.ToLower(e.path)
		if other, ok := spelled[lower]; ok {
			errs = append(errs, fmt.Errorf("%s and %s are the same file on Windows", other, e.path))
		}
		spelled[lower] = e.path
	}
	return errors.Join(errs...)
}

func writeTarGz(ctx context.Context, w io.Writer, b *bundle) error {
	compressed, err := newGzipper(w)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	for _, e := range b.entries {
		if err := writeTarEntry(ctx, archive, b, e); err != nil {
			return fmt.Errorf("%s: %w", e.origin, err)
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return compressed.Close()
}

func writeTarEntry(ctx context.Context, w *tar.Writer, b *bundle, e entry) error {
	header := &tar.Header{
		Name: e.path, Linkname: e.link, Typeflag: tar.TypeReg, Size: e.size,
		Mode: int64(unixMode(e.mode)), Uname: "root", Gname: "root", ModTime: b.epoch,
	}
	switch e.mode.Type() {
	case fs.ModeDir:
		header.Typeflag = tar.TypeDir
		header.Name += "/"
	case fs.ModeSymlink:
		header.Typeflag = tar.TypeSymlink
	}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	if e.source == "" {
		return nil
	}
	body, err := b.open(ctx, e)
	if err != nil {
		return err
	}
	defer body.Close()
	n, err := io.Copy(w, io.LimitReader(body, e.size))
	if err == nil && n < e.size { // compare detects a file that grew
		return fmt.Errorf("its size was %d bytes and is now %d: did it change meanwhile?", e.size, n)
	}
	return err
}

func walkTarGz(file *os.File, see seeFunc) error { return walkGzippedTar(file, see) }

// walkGzippedTar calls see for each entry of a tar, and reads to the end, including the checksum.
func walkGzippedTar(r io.Reader, see seeFunc) error {
	body, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	if err := walkTar(body, see); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, body)
	return err
}

// walkTar calls see for each entry of a tar.
func walkTar(r io.Reader, see seeFunc) error {
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		mode := goMode(fs.FileMode(header.Mode))
		switch header.Typeflag {
		case tar.TypeReg:
		case tar.TypeDir:
			mode |= fs.ModeDir
		case tar.TypeSymlink:
			mode |= fs.ModeSymlink
		default:
			return fmt.Errorf("%s: unexpected type %q of entry", header.Name, header.Typeflag)
		}
		if err := see(header.Name, mode, header.Linkname, archive); err != nil {
			return err
		}
	}
}
