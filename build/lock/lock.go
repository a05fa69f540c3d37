package lock

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/regular"
)

// FileName is the name of the lock, in the folder of slipway.yaml.
const FileName = "slipway.lock"

// A File is a lock file that was read.
type File struct {
	// Path is the path of the file.
	Path    string
	entries map[string]entry
}

type entry struct {
	digest v1.Hash
	line   int
}

// Read reads the lock at path. The error has every line that is not a valid entry, as file:line.
func Read(path string) (*File, error) {
	raw, err := regular.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the lock: %w", err)
	}
	f := &File{Path: path, entries: map[string]entry{}}
	var errs []error
	for i, line := range strings.Split(string(raw), "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := f.add(words, i+1); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", path, i+1, err))
		}
	}
	return f, errors.Join(errs...)
}

func (f *File) add(words []string, line int) error {
	if len(words) != 2 {
		return errors.New("want a reference and its digest: run slipway lock")
	}
	ref, err := images.ParseTag(words[0])
	if err != nil {
		return err
	}
	digest, err := v1.NewHash(words[1])
	if err != nil {
		return fmt.Errorf("%q is not a digest: %w", words[1], err)
	}
	if other, ok := f.entries[images.Qualified(ref)]; ok {
		return fmt.Errorf("duplicate %s: line %d has it", words[0], other.line)
	}
	f.entries[images.Qualified(ref)] = entry{digest, line}
	return nil
}

// Pin returns the digest that is locked for a tag, and the file:line of the entry. A tag without an entry is an error.
func (f *File) Pin(tag name.Tag) (digest name.Digest, at string, err error) {
	e, ok := f.entries[images.Qualified(tag)]
	if !ok {
		return name.Digest{}, "", fmt.Errorf("%s is not in %s: run slipway lock", images.Familiar(tag), f.Path)
	}
	return tag.Context().Digest(e.digest.String()), fmt.Sprintf("%s:%d", f.Path, e.line), nil
}

// Unused returns an error for each entry that is not in used, in the order of their lines.
func (f *File) Unused(used map[string]bool) []error {
	var errs []error
	for _, ref := range slices.SortedFunc(maps.Keys(f.entries), func(a, b string) int { return f.entries[a].line - f.entries[b].line }) {
		if !used[ref] {
			errs = append(errs, fmt.Errorf("%s:%d: %s is not used any more: run slipway lock", f.Path, f.entries[ref].line, ref))
		}
	}
	return errs
}

// Format returns the content of a lock file. digests maps fully qualified references to digests.
func Format(digests map[string]v1.Hash) []byte {
	var out bytes.Buffer
	out.WriteString("# Written by slipway lock. Do not edit.\n")
	for _, ref := range slices.Sorted(maps.Keys(digests)) {
		fmt.Fprintf(&out, "%s %s\n", ref, digests[ref])
	}
	return out.Bytes()
}
