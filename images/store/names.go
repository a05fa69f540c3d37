package store

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
)

// Names are the entries of an index.json, read once for many lookups.
type Names struct {
	dir     string
	entries []v1.Descriptor
	// spelled, full and tails find entries by name as spelled, by qualified name, and by the text
	// after any colon in the name.
	spelled, full, tails func() map[string][]v1.Descriptor
	// listed returns the names of entries, for messages.
	listed func() string
}

// Names reads index.json.
func (s *Store) Names() (*Names, error) {
	entries, err := s.Tags()
	if err != nil {
		return nil, err
	}
	n := &Names{dir: s.files.Dir, entries: entries}
	by := func(keys func(v1.Descriptor) []string) func() map[string][]v1.Descriptor {
		return sync.OnceValue(func() map[string][]v1.Descriptor { return n.group(keys) })
	}
	n.listed = sync.OnceValue(func() string { return listNames(entries) })
	n.spelled = by(func(d v1.Descriptor) []string {
		return []string{d.Annotations[images.ContainerdNameAnnotation], d.Annotations[images.RefNameAnnotation]}
	})
	n.full = by(func(d v1.Descriptor) []string {
		if nameOf(d) == "" {
			return nil
		}
		return []string{qualified(nameOf(d))}
	})
	n.tails = by(func(d v1.Descriptor) (tails []string) {
		for name := nameOf(d); ; {
			_, tail, ok := strings.Cut(name, ":")
			if !ok {
				return tails
			}
			tails, name = append(tails, tail), tail
		}
	})
	return n, nil
}

// group maps each key to its entries, one per digest.
func (n *Names) group(keys func(v1.Descriptor) []string) map[string][]v1.Descriptor {
	type pair struct {
		key    string
		digest v1.Hash
	}
	groups := map[string][]v1.Descriptor{}
	seen := map[pair]bool{}
	for _, d := range n.entries {
		for _, key := range keys(d) {
			if p := (pair{key, d.Digest}); !seen[p] {
				seen[p] = true
				groups[key] = append(groups[key], d)
			}
		}
	}
	return groups
}

// Entries returns all entries, in order.
func (n *Names) Entries() []v1.Descriptor { return n.entries }

// Lookup returns the entry with the name. A name is a reference, or what another program wrote as
// ref.name, such as a tag; the empty name means the only entry. The error for a missing name wraps
// fs.ErrNotExist and lists the existing ones; that for a name of several entries is an
// *AmbiguousError.
func (n *Names) Lookup(name string) (v1.Descriptor, error) {
	if name == "" {
		switch len(n.entries) {
		case 0:
			return v1.Descriptor{}, images.Absentf("%s holds no images", n.dir)
		case 1:
			return n.entries[0], nil
		}
		return v1.Descriptor{}, &AmbiguousError{n.dir, name, n.entries}
	}
	// An exact name takes precedence over one that is parsed as a reference, and the latter over a
	// tag alone.
	for _, find := range []func() []v1.Descriptor{
		func() []v1.Descriptor { return n.spelled()[name] },
		func() []v1.Descriptor { return n.full()[qualified(name)] },
		func() []v1.Descriptor { return n.tails()[name] },
	} {
		switch found := find(); len(found) {
		case 0:
			continue
		case 1:
			return found[0], nil
		default:
			return v1.Descriptor{}, &AmbiguousError{n.dir, name, found}
		}
	}
	return v1.Descriptor{}, images.Absentf("no image %q in %s; it has %s", name, n.dir, n.listed())
}

// An AmbiguousError means that several entries of the index.json in Dir have the name, or that Name
// is empty and there are several entries.
type AmbiguousError struct {
	Dir, Name string
	Entries   []v1.Descriptor
}

func (e *AmbiguousError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("%s has %d images: %s", e.Dir, len(e.Entries), listNames(e.Entries))
	}
	return fmt.Sprintf("%q names %d images in %s: %s", e.Name, len(e.Entries), e.Dir, listNames(e.Entries))
}

// Lookup is Names.Lookup for a single name.
func (s *Store) Lookup(name string) (v1.Descriptor, error) {
	n, err := s.Names()
	if err != nil {
		return v1.Descriptor{}, err
	}
	return n.Lookup(name)
}

// qualified returns the qualified form of a name, if it can be parsed as a reference.
func qualified(name string) string {
	ref, err := images.ParseReference(name)
	if err != nil {
		return name
	}
	return images.Qualified(ref)
}

// namesListed limits the number of names in a message.
const namesListed = 20

func listNames(entries []v1.Descriptor) string {
	names := make([]string, 0, len(entries))
	for _, d := range entries {
		names = append(names, cmp.Or(nameOf(d), d.Digest.String()))
	}
	if len(names) == 0 {
		return "none"
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > namesListed {
		names = append(names[:namesListed], fmt.Sprintf("and %d more", len(names)-namesListed))
	}
	return strings.Join(names, ", ")
}
