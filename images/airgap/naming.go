package airgap

import "github.com/slipway-build/slipway/images/airgap/format"

// naming gives images, indexes and artifacts of an archive their names, each once, within the
// limits of an archive.
type naming struct {
	archive *Archive
	budget  format.Budget
	known   map[knownName]bool
}

type knownName struct {
	of   any
	name string
}

// add adds names to those that of has.
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

// relations counts names and places in indexes, json the bytes of manifests and the like.
func (n *naming) relations(count int) error { return n.checked(n.budget.Relations(count)) }

func (n *naming) json(size int64) error { return n.checked(n.budget.JSON(size)) }

func (n *naming) checked(err error) error {
	if err != nil {
		return n.archive.wrap(err)
	}
	return nil
}
