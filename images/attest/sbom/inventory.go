package sbom

import (
	"cmp"
	"slices"
	"time"

	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
)

// An Inventory is the software in a subject.
type Inventory struct {
	Subject Subject
	// Components are sorted by type, name, version, architecture, digest and PURL.
	Components []*Component
	// Files are sorted by path. The inventory of an archive has none.
	Files []File
	// Problems describe files that could not be read, so that their software is missing in the inventory.
	Problems []string
}

// A Kind is the kind of a subject.
type Kind string

const (
	ImageKind   Kind = "image"
	FileKind    Kind = "file"
	ArchiveKind Kind = "archive"
)

// A Subject is the image, file or archive that an inventory describes.
type Subject struct {
	Kind Kind
	// Name is the reference of an image without its tag, or the name of a file without its folder.
	Name string
	// Version is a tag, or the version of a package; it may be empty.
	Version string
	// Digest is the SHA-256 of the manifest or the file, in hexadecimal.
	Digest string
	// PURL may be empty.
	PURL string
	// Time is the time of documents about the subject: the creation time in the config of an image.
	Time time.Time
}

// A File is a regular file. A file with several names is listed once for each name.
type File struct {
	// Path is relative to the root.
	Path string
	catalog.Digests
}

// Types of components, beside those of packages in catalog.
const (
	Golang = "golang"
	OS     = "os"
	OCI    = "oci"
)

// A Component is a piece of software. Empty fields are unknown.
type Component struct {
	Type, Name, Version, Arch string
	PURL, CPE                 string
	// Licences are expressions or names, as the sources spell them.
	Licences                    []string
	Supplier, Summary, Homepage string
	// Sum is the checksum of a Go module as in go.sum. Digest is that of an image, in hexadecimal.
	Sum, Digest string
	// FoundIn are the files in which the component was found: programs, or databases of packages.
	FoundIn []string
	// Files are the files of the inventory that belong to the component.
	Files []string
	// Uses are the modules that are linked with a main module, or the components of an image.
	Uses []*Component
}

// An identity is the properties by which components are equal. Packages of several distributions may differ only in the
// PURL.
type identity struct{ kind, name, version, arch, digest, purl string }

func (c *Component) identity() identity {
	return identity{c.Type, c.Name, c.Version, c.Arch, c.Digest, c.PURL}
}

func (c *Component) compare(other *Component) int {
	return cmp.Or(cmp.Compare(c.Type, other.Type), cmp.Compare(c.Name, other.Name), cmp.Compare(c.Version, other.Version),
		cmp.Compare(c.Arch, other.Arch), cmp.Compare(c.Digest, other.Digest), cmp.Compare(c.PURL, other.PURL))
}

// A collector collects components, each once.
type collector struct{ known map[identity]*Component }

// add returns the known component that is equal to c. If c is new, add adds and returns it.
func (all *collector) add(c *Component) *Component {
	if all.known == nil {
		all.known = map[identity]*Component{}
	}
	id := c.identity()
	known := all.known[id]
	if known == nil {
		all.known[id] = c
		return c
	}
	known.Sum = cmp.Or(known.Sum, c.Sum)
	known.FoundIn = append(known.FoundIn, c.FoundIn...)
	known.Files = append(known.Files, c.Files...)
	if !slices.Equal(known.Licences, c.Licences) {
		known.Licences = append(known.Licences, c.Licences...)
	}
	known.Uses = append(known.Uses, c.Uses...)
	return known
}

// sorted returns the components.
func (all *collector) sorted() []*Component {
	var out []*Component
	for _, c := range all.known {
		c.FoundIn, c.Files, c.Licences = unique(c.FoundIn), unique(c.Files), unique(c.Licences)
		slices.SortFunc(c.Uses, (*Component).compare)
		c.Uses = slices.Compact(c.Uses)
		out = append(out, c)
	}
	slices.SortFunc(out, (*Component).compare)
	return out
}

// unique sorts texts, and removes repeated ones. It does not write to texts if there is nothing to do: layers share
// them.
func unique(texts []string) []string {
	if !slices.IsSorted(texts) {
		slices.Sort(texts)
	}
	return slices.Compact(texts)
}
