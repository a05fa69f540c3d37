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
	// Digests are the digests of regular files, by the index of their entries. Those of other entries are zero.
	Digests []Digests
	// Facts are the facts of files, by the index of their entries. Most files have none.
	Facts map[int]*Facts
}

// Digests are the digests of a file. SPDX 2.3 requires the SHA-1 of each file (8.4).
type Digests struct {
	SHA1   [sha1.Size]byte
	SHA256 [sha256.Size]byte
}

// Facts are the information in one file. At least one field is set.
type Facts struct {
	// Go is set for a Go program.
	Go *GoBuild `json:"go,omitempty"`
	// Packages are the packages of a database.
	Packages []Package `json:"packages,omitempty"`
	// Paths are the paths in a list of dpkg, relative to the root.
	Paths []string `json:"paths,omitempty"`
	// Licences are the names in a copyright file, as it spells them, sorted.
	Licences []string `json:"licences,omitempty"`
	// OS is the content of os-release.
	OS *OS `json:"os,omitempty"`
	// Problem explains why the content could not be read, or not completely.
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
	// Epoch is the epoch of an rpm. The versions of other packages contain the epoch.
	Epoch string `json:"epoch,omitempty"`
	Arch  string `json:"arch,omitempty"`
	// Source is the name of the source package if it differs from Name. For an rpm, it is the file name of the source
	// rpm.
	Source string `json:"source,omitempty"`
	// SourceVersion is the version of Source if it differs from Version.
	SourceVersion string `json:"sourceVersion,omitempty"`
	// Licence is an expression or a name, spelled as in the database.
	Licence  string `json:"licence,omitempty"`
	Supplier string `json:"supplier,omitempty"`
	Summary  string `json:"summary,omitempty"`
	Homepage string `json:"homepage,omitempty"`
	// Files are the paths that the package owns, relative to the root, if the database lists them.
	Files []string `json:"files,omitempty"`
}

// A GoBuild is the build info of a Go program. It has no build settings, since flags can contain secrets.
type GoBuild struct {
	// GoVersion is spelled as in package URLs, without the prefix go: 1.26.3.
	GoVersion string `json:"goVersion"`
	// Path is the import path of the main package.
	Path string `json:"path"`
	// Main is the main module. It has no path in a program that was built without modules.
	Main Module `json:"main"`
	// Modules are the other modules that were linked. A replacement takes the place of the replaced module.
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
