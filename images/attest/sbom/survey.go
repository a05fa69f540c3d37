package sbom

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"path"
	"slices"

	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
	"github.com/slipway-build/slipway/images/fstree"
	"github.com/slipway-build/slipway/images/layer"
)

// A survey finds the components of a file system.
type survey struct {
	stack  *fstree.Stack
	layers map[*fstree.Archive]*catalog.Layer
	// files has the digests of files by path, and facts those that say something.
	files      map[string]catalog.Digests
	order      []string
	facts      map[string]*catalog.Facts
	listed     map[string]bool // the lists of files whose package was found
	distro     *catalog.OS
	components collector
	problems   []string
}

func newSurvey() *survey {
	return &survey{stack: fstree.NewStack(), layers: map[*fstree.Archive]*catalog.Layer{},
		files: map[string]catalog.Digests{}, facts: map[string]*catalog.Facts{},
		listed: map[string]bool{}}
}

// add lays a layer over those before.
func (s *survey) add(id string, l *catalog.Layer, form layer.Form) error {
	ar := &fstree.Archive{ID: id}
	s.layers[ar] = l
	return s.stack.Add(ar, l.Headers, form)
}

// empty are the digests of an empty file.
var empty = catalog.Digests{SHA1: sha1.Sum(nil), SHA256: sha256.Sum256(nil)}

// inventory returns what is in the file system, without a subject.
func (s *survey) inventory() (*Inventory, error) {
	err := s.stack.Root.Walk(func(p string, n *fstree.Node) error {
		if !n.IsFile() {
			return nil
		}
		digests := empty
		if m, ok := n.Content.(*fstree.Member); ok {
			l := s.layers[m.Archive]
			digests = l.Digests[m.Index]
			if facts := l.Facts[m.Index]; facts != nil {
				s.facts[p] = facts
			}
		}
		s.order = append(s.order, p)
		s.files[p] = digests
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(s.order)
	s.find()
	out := &Inventory{Components: s.components.sorted(), Problems: s.problems}
	for _, p := range s.order {
		out.Files = append(out.Files, File{p, s.files[p]})
	}
	return out, nil
}

// find adds the components.
func (s *survey) find() {
	for _, name := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		if at := s.resolve(name); s.distro == nil && s.facts[at] != nil {
			if s.distro = s.facts[at].OS; s.distro != nil {
				s.components.add(distroComponent(s.distro, at))
			}
		}
	}
	for _, p := range s.order {
		facts := s.facts[p]
		if facts == nil {
			continue
		}
		if facts.Problem != "" {
			s.problems = append(s.problems, fmt.Sprintf("%s: %s", p, facts.Problem))
		}
		if facts.Go != nil {
			addProgram(&s.components, p, facts.Go)
		}
		for i := range facts.Packages {
			s.addPackage(p, &facts.Packages[i])
		}
	}
}

// addPackage adds a package of the database p.
func (s *survey) addPackage(p string, pkg *catalog.Package) {
	c := packageComponent(pkg, s.distro)
	if known := s.components.known[c.identity()]; known != nil && len(pkg.Files) == 0 && known.FoundIn[len(known.FoundIn)-1] == p {
		return // the same package again
	}
	c.FoundIn = []string{p}
	owned := pkg.Files
	if pkg.Type == catalog.Deb {
		owned = s.dpkgFiles(path.Dir(p), pkg)
		if facts := s.facts[s.resolve("/usr/share/doc/"+pkg.Name+"/copyright")]; facts != nil {
			c.Licences = slices.Clip(facts.Licences) // not copied: many packages may have one name
		}
	}
	for _, name := range owned {
		if _, ok := s.files[name]; !ok {
			name = s.resolve("/" + name)
		}
		if _, ok := s.files[name]; ok {
			c.Files = append(c.Files, name)
		}
	}
	s.components.add(c)
}

// dpkgFiles returns the files of a package of the database in dir. dpkg has a file for each package, whose name contains
// the architecture if several may be installed; distroless images have one beside each database. A file belongs to one
// package.
func (s *survey) dpkgFiles(dir string, pkg *catalog.Package) (all []string) {
	for _, name := range []string{"info/" + pkg.Name, "info/" + pkg.Name + ":" + pkg.Arch, pkg.Name} {
		for _, suffix := range []string{".list", ".md5sums"} {
			list := path.Join(dir, name+suffix)
			if facts := s.facts[list]; facts != nil && !s.listed[list] {
				s.listed[list] = true
				all = append(all, facts.Paths...)
			}
		}
	}
	return all
}

// resolve follows symlinks. It returns "" for what cannot be resolved.
func (s *survey) resolve(p string) string {
	place, err := fstree.Resolve(s.stack.Root, p, true)
	if err != nil || place.Node == nil {
		return ""
	}
	return place.Path[1:]
}
