package layer

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/slipway-build/slipway/internal/streams"
)

// xattrRecord is the prefix of PAX records for extended attributes (from star).
const xattrRecord = "SCHILY.xattr."

// Write streams the layer's uncompressed tar to w. Files are not held in memory. A content with
// more or fewer bytes than the size of its entry is an error.
func (a *Archive) Write(ctx context.Context, w io.Writer) error {
	tw := tar.NewWriter(w)
	if a.form == Windows {
		for _, name := range []string{"Hives", "Files"} {
			if err := tw.WriteHeader(windowsRoot(name)); err != nil {
				return fmt.Errorf("writing layer entry %q: %w", name, err)
			}
		}
	}
	buffer := make([]byte, 256<<10)
	for i := range a.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := &a.entries[i]
		h := e.header()
		if a.form == Windows {
			windowsHeader(h)
		}
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("writing layer entry %q: %w", e.Path, err)
		}
		if err := writeContent(ctx, tw, e, buffer); err != nil {
			return fmt.Errorf("writing layer entry %q: %w", e.Path, err)
		}
	}
	return tw.Close()
}

// header returns e as a tar header. Its format is the oldest that can represent it, so ordinary
// entries are USTAR.
func (e *Entry) header() *tar.Header {
	h := &tar.Header{
		Typeflag: e.Type,
		Name:     e.Path,
		Linkname: e.Link,
		Mode:     e.Mode,
		Uid:      e.UID,
		Gid:      e.GID,
		ModTime:  time.Unix(e.ModTime.Unix(), 0),
		Size:     e.Size,
		Devmajor: e.Major,
		Devminor: e.Minor,
	}
	if e.Type == tar.TypeDir {
		h.Name += "/"
	}
	if len(e.Xattrs) > 0 {
		h.PAXRecords = make(map[string]string, len(e.Xattrs))
		for name, value := range e.Xattrs {
			h.PAXRecords[xattrRecord+name] = value
		}
	}
	return h
}

func writeContent(ctx context.Context, w io.Writer, e *Entry, buffer []byte) error {
	if e.Size == 0 {
		return nil
	}
	r, err := e.Content.Open(ctx)
	if err != nil {
		return err
	}
	n, err := io.CopyBuffer(onlyWriter{w}, io.LimitReader(streams.WithContext(ctx, r), e.Size), buffer)
	if err == nil && n == e.Size {
		// A verifying reader verifies at its end.
		var more [1]byte
		var extra int
		if extra, err = io.ReadFull(r, more[:]); extra > 0 {
			err = fmt.Errorf("it is larger than the %d bytes that it had before", e.Size)
		} else if err == io.EOF {
			err = nil
		}
	} else if err == nil {
		err = fmt.Errorf("it has %d bytes instead of the %d that it had before", n, e.Size)
	}
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	return err
}

// onlyWriter hides the ReadFrom of a writer, with which io.CopyBuffer would not use the buffer.
type onlyWriter struct{ io.Writer }
