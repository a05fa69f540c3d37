package airgap

import "github.com/slipway-build/slipway/images/airgap/format"

// naming assigns names to the images, indexes and artifacts of an archive, each name once,
// and enforces the limits of an archive.
type naming struct {
	archive *Archive
	budget  format.Budget
	known   map[knownName]bool
}

type knownName struct {
	of   any
	name string
}

// add appends names to those of an image, index or artifact. of identifies it.
func (n *naming) add(of any, have *[]string, names ...string) error {
	if err := n.relations(max(1, len(names))); err != nil {
		return err
	}
	for _, name := range names {
		if key := (knownName{of, name}); !n.known[key] {
			n.known[key] = true
			*have = append(*have, name)
		}
	}
	return nil
}

// relations counts names and entries of indexes, json the bytes of JSON.
func (n *naming) relations(count int) error { return n.checked(n.budget.Relations(count)) }

func (n *naming) json(size int64) error { return n.checked(n.budget.JSON(size)) }

func (n *naming) checked(err error) error {
	if err != nil {
		return n.archive.wrap(err)
	}
	return nil
}
