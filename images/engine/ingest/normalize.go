package ingest

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// PAX records that normalize keeps. All others are access times and names of owners.
const (
	xattrRecord    = "SCHILY.xattr."
	windowsRecord  = "MSWINDOWS."
	creationRecord = "LIBARCHIVE.creationtime"
)

// whiteoutPrefix is the prefix of an entry that hides a lower one (OCI image specification,
// layer.md, "Whiteouts").
const whiteoutPrefix = ".wh."

// A span is a range of epochs for which a normalized layer is the same: from Newest, the latest
// time that was kept, up to but not including Oldest, the earliest time that was replaced. Both are
// Unix seconds. If no time was replaced, Oldest is 0.
type span struct {
	Newest, Oldest int64
}

func (s span) holds(epoch time.Time) bool {
	return s.Newest <= epoch.Unix() && (s.Oldest == 0 || epoch.Unix() < s.Oldest)
}

// normalize copies a layer's tar from r to w and removes everything that depends on the machine or
// the current time: names of owners, access and change times, times later than epoch (which become
// the Unix epoch, as in layers that are assembled here), and fractions of seconds. Everything else
// is kept, in order. Headers are written as images/layer writes them, so that equal entries have
// equal bytes.
func normalize(ctx context.Context, w io.Writer, r io.Reader, epoch time.Time) (span, error) {
	var s span
	in, out := tar.NewReader(r), tar.NewWriter(w)
	buffer := make([]byte, 256<<10)
	for {
		if err := ctx.Err(); err != nil {
			return s, err
		}
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s, fmt.Errorf("reading a layer of the engine: %w", err)
		}
		n, ok := normalHeader(h, epoch, &s)
		if !ok {
			continue
		}
		if err := out.WriteHeader(n); err != nil {
			return s, fmt.Errorf("writing layer entry %q: %w", h.Name, err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, buffer); err != nil {
			return s, fmt.Errorf("writing layer entry %q: %w", h.Name, err)
		}
	}
	// Read the rest of r after the end of the tar, so that its digest is checked.
	if _, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{r}, buffer); err != nil {
		return s, err
	}
	return s, out.Close()
}

// normalHeader returns h without what depends on the machine, or false to drop the entry.
func normalHeader(h *tar.Header, epoch time.Time, s *span) (*tar.Header, bool) {
	name := path.Clean("/" + h.Name)[1:]
	if name == "" || h.Typeflag == tar.TypeXGlobalHeader {
		return nil, false
	}
	n := &tar.Header{
		Typeflag: h.Typeflag, Name: name, Linkname: h.Linkname, Size: h.Size, Mode: h.Mode & 0o7777,
		Uid: h.Uid, Gid: h.Gid, Devmajor: h.Devmajor, Devminor: h.Devminor,
	}
	switch h.Typeflag {
	case tar.TypeDir:
		// Except for the two folders at the start of a layer in Windows form, as BuildKit writes
		// them.
		if h.PAXRecords[creationRecord] == "" || name != "Hives" && name != "Files" {
			n.Name += "/"
		}
	case tar.TypeLink:
		n.Linkname = path.Clean("/" + h.Linkname)[1:]
	case tar.TypeGNUSparse: // the reader fills the holes
		n.Typeflag = tar.TypeReg
	}
	if t := h.ModTime.Unix(); t > epoch.Unix() {
		if s.Oldest == 0 || t < s.Oldest {
			s.Oldest = t
		}
		n.ModTime = time.Unix(0, 0)
	} else {
		s.Newest = max(s.Newest, t)
		n.ModTime = time.Unix(t, 0)
	}
	if strings.HasPrefix(path.Base(name), whiteoutPrefix) {
		// Only the name of a whiteout is significant, and engines differ in the rest.
		n.Mode, n.Uid, n.Gid, n.ModTime = 0o644, 0, 0, time.Unix(0, 0)
		return n, true
	}
	for key, value := range h.PAXRecords {
		switch {
		case strings.HasPrefix(key, windowsRecord):
			// In Windows form, the mode contains the file's type.
			n.Mode = h.Mode
			n.Format = tar.FormatPAX
		case key == creationRecord:
			value = fmt.Sprintf("%d.%d", n.ModTime.Unix(), n.ModTime.Nanosecond())
			n.Format = tar.FormatPAX
		case !strings.HasPrefix(key, xattrRecord):
			continue
		}
		if n.PAXRecords == nil {
			n.PAXRecords = map[string]string{}
		}
		n.PAXRecords[key] = value
	}
	return n, true
}
