package bundle

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/regular"
)

// documents adds the documentation that a deb should contain, and compresses man pages, as both deb
// and rpm expect.
func (b *bundle) documents(deb bool) error {
	for i, e := range b.entries {
		if e.source == "" || !isManPage(e.path) {
			continue
		}
		page, err := regular.ReadFile(e.source)
		if err != nil {
			return err
		}
		if e.source, err = b.write(gzipped(page)); err != nil {
			return err
		}
		info, err := os.Stat(e.source)
		if err != nil {
			return err
		}
		e.path, e.size = e.path+".gz", info.Size()
		b.entries[i] = e
	}
	slices.SortFunc(b.entries, byPath)
	if !deb {
		return nil
	}
	changelog, err := b.debChangelog()
	if err != nil {
		return err
	}
	if err := b.addDocument("copyright", []byte(b.debCopyright())); err != nil {
		return err
	}
	// A version without a revision is that of a native package.
	name := "changelog.gz"
	if b.pkg.Release != "" {
		name = "changelog.Debian.gz"
	}
	return b.addDocument(name, gzipped([]byte(changelog)))
}

// addDocument adds a file to the package's documentation folder, unless it exists.
func (b *bundle) addDocument(name string, content []byte) error {
	at := path.Join("usr/share/doc", b.pkg.Name, name)
	if slices.ContainsFunc(b.entries, func(e entry) bool { return e.path == at }) {
		return nil
	}
	source, err := b.write(content)
	if err != nil {
		return err
	}
	c := collector{entries: map[string]entry{}}
	for _, e := range b.entries {
		c.entries[e.path] = e
	}
	c.add(entry{path: at, source: source, mode: 0o644, size: int64(len(content)), packed: true, origin: "the package's " + name})
	c.parents()
	b.entries = slices.SortedFunc(maps.Values(c.entries), byPath)
	return errors.Join(c.errs...)
}

func byPath(a, b entry) int { return strings.Compare(a.path, b.path) }

// isManPage reports whether name is the path of an uncompressed man page.
func isManPage(name string) bool {
	rest, ok := strings.CutPrefix(name, "usr/share/man/")
	return ok && strings.HasPrefix(path.Base(path.Dir(rest)), "man") && path.Ext(name) != ".gz"
}

// gzipped returns content compressed at gzip's best level, without a name or time.
func gzipped(content []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is gzip's own
	}
	if _, err := w.Write(content); err != nil {
		panic(err) // writing to a buffer does not fail
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// write writes content to a new file in the bundle's temporary folder, and returns its path.
func (b *bundle) write(content []byte) (string, error) {
	f, err := os.CreateTemp(b.temp, "")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, bytes.NewReader(content))
	if closed := f.Close(); err == nil {
		err = closed
	}
	return f.Name(), err
}

// commonLicenses maps SPDX identifiers to files in /usr/share/common-licenses, which every Debian
// has.
var commonLicenses = map[string]string{
	"Apache-2.0": "Apache-2.0", "Artistic-1.0-Perl": "Artistic", "BSD-3-Clause": "BSD", "CC0-1.0": "CC0-1.0",
	"GFDL-1.2-only": "GFDL-1.2", "GFDL-1.3-only": "GFDL-1.3", "GPL-1.0-only": "GPL-1", "GPL-2.0-only": "GPL-2", "GPL-2.0-or-later": "GPL-2",
	"GPL-3.0-only": "GPL-3", "GPL-3.0-or-later": "GPL-3", "LGPL-2.0-only": "LGPL-2", "LGPL-2.1-only": "LGPL-2.1", "LGPL-2.1-or-later": "LGPL-2.1",
	"LGPL-3.0-only": "LGPL-3", "LGPL-3.0-or-later": "LGPL-3", "MPL-1.1": "MPL-1.1", "MPL-2.0": "MPL-2.0",
}

// debCopyright returns the copyright file in machine-readable form
// (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/). It refers to the text of
// licenses that every Debian has.
func (b *bundle) debCopyright() string {
	p := b.pkg
	var s strings.Builder
	s.WriteString("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n")
	fmt.Fprintf(&s, "Upstream-Name: %s\nUpstream-Contact: %s\n", p.Name, p.Maintainer)
	if p.Homepage != "" {
		fmt.Fprintf(&s, "Source: %s\n", p.Homepage)
	}
	holder := p.Vendor
	if holder == "" {
		holder, _, _ = strings.Cut(p.Maintainer, " <")
	}
	license := p.License
	if license == "" {
		license = "unknown"
	}
	fmt.Fprintf(&s, "\nFiles: *\nCopyright: %d %s\nLicense: %s\n", b.epoch.Year(), holder, license)
	if common := commonLicenses[p.License]; common != "" {
		fmt.Fprintf(&s, " On Debian systems, the full text of this license can be found in\n /usr/share/common-licenses/%s.\n", common)
	} else {
		fmt.Fprintf(&s, " The text of this license can be found at https://spdx.org/licenses.\n")
	}
	return s.String()
}

// debChangelog returns a changelog (deb-changelog(5)) with one entry, for this version.
func (b *bundle) debChangelog() (string, error) {
	version, err := packageVersion(b.pkg.Version)
	if err != nil {
		return "", err
	}
	if b.pkg.Release != "" {
		version += "-" + b.pkg.Release
	}
	return fmt.Sprintf("%s (%s) stable; urgency=medium\n\n  * %s\n\n -- %s  %s\n",
		b.pkg.Name, version, strings.ReplaceAll(b.news(), "\n", "\n    "), b.pkg.Maintainer, b.epoch.Format("Mon, 02 Jan 2006 15:04:05 -0700")), nil
}

// news returns the text of the changelogs of both formats.
func (b *bundle) news() string {
	if b.pkg.Homepage != "" {
		return "Release of " + b.pkg.Version + ", see\n" + b.pkg.Homepage
	}
	return "Release of " + b.pkg.Version
}

// rpmChangelog writes the file from which nfpm reads an rpm's changelog: YAML, of which JSON is a
// subset.
func (b *bundle) rpmChangelog() (string, error) {
	version, err := packageVersion(b.pkg.Version)
	if err != nil {
		return "", err
	}
	packager := b.pkg.Maintainer
	if packager == "" {
		packager = b.pkg.Name
	}
	type change struct {
		Note string `json:"note"`
	}
	type release struct {
		Changes  []change  `json:"changes"`
		Date     time.Time `json:"date"`
		Packager string    `json:"packager"`
		Version  string    `json:"semver"`
	}
	raw, err := json.Marshal([]release{{[]change{{b.news()}}, b.epoch, packager, version}})
	if err != nil {
		return "", err
	}
	return b.write(raw)
}

// isDocumentation reports whether an rpm marks the file as %doc.
func isDocumentation(name string) bool {
	return strings.HasPrefix(name, "usr/share/doc/") || strings.HasPrefix(name, "usr/share/man/") || strings.HasPrefix(name, "usr/share/info/")
}

// isLicense reports whether an rpm marks the file as %license.
func isLicense(name string) bool {
	base := strings.ToUpper(path.Base(name))
	return strings.HasPrefix(name, "usr/share/licenses/") ||
		strings.HasPrefix(name, "usr/share/doc/") && (base == "COPYRIGHT" || base == "NOTICE" || strings.HasPrefix(base, "LICENSE") || strings.HasPrefix(base, "LICENCE") || strings.HasPrefix(base, "COPYING"))
}
