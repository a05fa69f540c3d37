package images

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/internal/sniff"
)

// A ListEntry is one reference of an image list and where it stands.
type ListEntry struct {
	Ref  name.Reference
	File string
	Line int
}

// maxList is the size of the largest image list that is read, in bytes: far more
// than all images of the largest distribution.
const maxList = 64 << 20

// ReadList reads an image list: one reference a line, # begins a comment, blank
// lines mean nothing, and a reference that was seen before is left out, and so is a
// transport (see TrimTransport). Lines end in LF, CRLF or CR. The encoding is UTF-8, or UTF-16 with a byte order mark. Every
// line that is not a reference is reported, as file:line.
func ReadList(r io.Reader, file string) ([]ListEntry, error) {
	text, err := sniff.Text(r)
	if err != nil {
		return nil, fmt.Errorf("reading image list %s: %w", file, err)
	}
	raw, err := io.ReadAll(io.LimitReader(text, maxList+1))
	if err != nil {
		return nil, fmt.Errorf("reading image list %s: %w", file, err)
	}
	if len(raw) > maxList {
		return nil, fmt.Errorf("reading image list %s: it has more than %d bytes", file, maxList)
	}
	var (
		entries []ListEntry
		errs    []error
		seen    = map[string]bool{}
	)
	for i, line := range strings.Split(lineEnds.Replace(string(raw)), "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		ref, err := ParseReference(TrimTransport(line))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", file, i+1, err))
			continue
		}
		if !seen[ref.Name()] {
			seen[ref.Name()] = true
			entries = append(entries, ListEntry{Ref: ref, File: file, Line: i + 1})
		}
	}
	return entries, errors.Join(errs...)
}

// lineEnds makes all ends of lines those of Unix.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")
