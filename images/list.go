package images

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// A ListEntry is one reference of an image list and where it stands.
type ListEntry struct {
	Ref  name.Reference
	File string
	Line int
}

// ReadList reads an image list: one reference a line, # begins a comment, blank
// lines mean nothing, a reference that was seen before is left out. Every line
// that is no reference is reported, as file:line.
func ReadList(r io.Reader, file string) ([]ListEntry, error) {
	var (
		entries []ListEntry
		errs    []error
		seen    = map[string]bool{}
		scanner = bufio.NewScanner(r)
	)
	for line := 1; scanner.Scan(); line++ {
		text, _, _ := strings.Cut(scanner.Text(), "#")
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		ref, err := ParseReference(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", file, line, err))
			continue
		}
		if !seen[ref.Name()] {
			seen[ref.Name()] = true
			entries = append(entries, ListEntry{Ref: ref, File: file, Line: line})
		}
	}
	if err := scanner.Err(); err != nil {
		errs = append(errs, fmt.Errorf("reading image list %s: %w", file, err))
	}
	return entries, errors.Join(errs...)
}
