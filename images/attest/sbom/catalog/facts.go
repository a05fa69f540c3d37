package catalog

import (
	"crypto/sha1"
	"crypto/sha256"

	"github.com/slipway-build/slipway/images/fstree"
)

// A Layer is what Read found in one tar.
type Layer struct {
	// Headers are the headers of all entries, in their order.
	Headers []fstree.Header
	// Digests are those of the entries that are regular files, by the index of the entry.
	Digests map[int]Digests
	// Facts are by the index of the entry. Most files have none.
	Facts map[int]*Facts
}

// Digests are the digests of a file. SPDX 2.3 demands the SHA-1 of each file (8.4).
type Digests struct {
	SHA1   [sha1.Size]byte
	SHA256 [sha256.Size]byte
}

// Facts are what the content of a file says. At least one field is set.
type Facts struct {
	// Go is set for a Go program.
	Go *GoBuild `json:"go,omitempty"`
	// Packages are those of a database.
	Packages []Package `json:"packages,omitempty"`
	// Paths are the files in a list of dpkg, relative to the root.
	Paths []string `json:"paths,omitempty"`
	// Licences are the names in a copyright file, as it spells them, sorted.
	Licences []string `json:"licences,omitempty"`
	// OS is what os-release says.
	OS *OS `json:"os,omitempty"`
	// Problem says why the content could not be read, or not completely.
	Problem string `json:"problem,omitempty"`
}

// Types of packages, as in package URLs.
const (
	Deb  = "deb"
	APK  = "apk"
	RPM  = "rpm"
	alpm = "alpm" // Arch Linux
)

// A Package is an installed package of a distribution. Empty fields are unknown.
type Package struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	// Epoch is that of an rpm; the versions of other packages contain it.
	Epoch string `json:"epoch,omitempty"`
	Arch  string `json:"arch,omitempty"`
	// Source is the name of the source package if it differs from Name, of an rpm the file name of its source rpm.
	Source string `json:"source,omitempty"`
	// SourceVersion is the version of Source if it differs from Version.
	SourceVersion string `json:"sourceVersion,omitempty"`
	// Licence is an expression or a name, as the database spells it.
	Licence  string `json:"licence,omitempty"`
	Supplier string `json:"supplier,omitempty"`
	Summary  string `json:"summary,omitempty"`
	Homepage string `json:"homepage,omitempty"`
	// Files are the paths that the package owns, relative to the root, if the database says so itself.
	Files []string `json:"files,omitempty"`
}

// A GoBuild is what the build info of a Go program says. It has no build settings, since flags can contain secrets.
type GoBuild struct {
	// GoVersion is spelled as in package URLs, without go: 1.26.3.
	GoVersion string `json:"goVersion"`
	// Path is the import path of the main package.
	Path string `json:"path"`
	// Main is the main module. It has no path in a program that was built without modules.
	Main Module `json:"main"`
	// Modules are the other modules that were linked, replacements in the place of what they replace.
	Modules []Module `json:"modules,omitempty"`
}

// A Module is a Go module.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version,omitempty"`
	// Sum is the checksum of go.sum, h1:….
	Sum string `json:"sum,omitempty"`
}

// OS names an operating system, as os-release does.
type OS struct {
	ID         string `json:"id"`
	VersionID  string `json:"versionID,omitempty"`
	PrettyName string `json:"prettyName,omitempty"`
	CPE        string `json:"cpe,omitempty"`
}
