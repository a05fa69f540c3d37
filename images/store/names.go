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

// Names are the entries of an index.json, read once to be looked up many times.
type Names struct {
	dir     string
	entries []v1.Descriptor
	// spelled, full and tails find entries by their names as they are spelled, by their
	// qualified names, and by the text after each colon of their names.
	spelled, full, tails func() map[string][]v1.Descriptor
	// listed names the entries, for messages.
	listed func() string
}

// Names reads index.json.
func (s *Store) Names() (*Names, error) {
	entries, err := s.Tags()
	if err != nil {
		return nil, err
	}
	n := &Names{dir: s.dir, entries: entries}
	by := func(keys func(v1.Descriptor) []string) func() map[string][]v1.Descriptor {
		return sync.OnceValue(func() map[string][]v1.Descriptor { return n.group(keys) })
	}
	n.listed = sync.OnceValue(func() string { return listNames(entries) })
	n.spelled = by(func(d v1.Descriptor) []string { return []string{d.Annotations[ContainerdName], d.Annotations[RefName]} })
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

// group maps each key to its entries, one for each digest.
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

// Entries are all entries, in their order.
func (n *Names) Entries() []v1.Descriptor { return n.entries }

// Lookup returns the entry that has the name. A name is a reference, or just what
// another program wrote as ref.name, such as a tag; the empty name means the only
// entry. A name that is not there is an error that wraps fs.ErrNotExist and lists those
// that are, and one that several entries have is an *AmbiguousError.
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
	// In this order, as a name that is spelled out wins over one that is read as
	// a reference, and that over a bare tag.
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

// An AmbiguousError says that several entries of the index.json in Dir have a name, or
// that it has several, where the name is empty.
type AmbiguousError struct {
	Dir, Name string
	Entries   []v1.Descriptor
}

func (e *AmbiguousError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("%s holds %d images: %s", e.Dir, len(e.Entries), listNames(e.Entries))
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

// qualified spells a name in full if it can be read as a reference.
func qualified(name string) string {
	ref, err := images.ParseReference(name)
	if err != nil {
		return name
	}
	return images.Qualified(ref)
}

// namesListed is how many names a message lists.
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
