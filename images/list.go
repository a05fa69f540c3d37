package images

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/internal/sniff"
)

// A ListEntry is one reference of an image list with its position.
type ListEntry struct {
	Ref  name.Reference
	File string
	Line int
}

// maxList is the maximum size of an image list, in bytes; lists of the largest distributions are far smaller.
const maxList = 64 << 20

// A ListLine is one line of an image list that is neither blank nor only a comment.
type ListLine struct {
	// Text is the line without its comment and the blanks around it.
	Text string
	// Line counts from 1.
	Line int
}

// ReadLines reads the lines of an image list: # begins a comment, and blank lines are ignored. Lines end in LF,
// CRLF or CR. The encoding is UTF-8, or UTF-16 with a byte order mark. file is the name of the list in errors.
func ReadLines(r io.Reader, file string) ([]ListLine, error) {
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
	var lines []ListLine
	for i, line := range strings.Split(lineEnds.Replace(string(raw)), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, ListLine{Text: line, Line: i + 1})
		}
	}
	return lines, nil
}

// ReadList reads an image list as ReadLines does, with one reference per line. It removes transports (see
// TrimTransport) and skips duplicates. It reports every line that is not a reference, as file:line.
func ReadList(r io.Reader, file string) ([]ListEntry, error) {
	lines, err := ReadLines(r, file)
	if err != nil {
		return nil, err
	}
	var (
		entries []ListEntry
		errs    []error
		seen    = map[string]bool{}
	)
	for _, line := range lines {
		ref, err := ParseReference(TrimTransport(line.Text))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", file, line.Line, err))
			continue
		}
		if !seen[ref.Name()] {
			seen[ref.Name()] = true
			entries = append(entries, ListEntry{Ref: ref, File: file, Line: line.Line})
		}
	}
	return entries, errors.Join(errs...)
}

// lineEnds converts line ends to LF.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")
