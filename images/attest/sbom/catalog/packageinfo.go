package catalog

import (
	"io"
	"strings"
)

// PackageInfo is the name of the file that describes a package of Alpine or Arch Linux, at the root of the package.
const PackageInfo = ".PKGINFO"

// packageInfo reads a PackageInfo: lines of the form key = value
// (https://wiki.alpinelinux.org/wiki/Apk_spec#PKGINFO_Format; PKGINFO of makepkg).
func packageInfo(r io.Reader) (*Facts, error) {
	p := Package{Type: APK}
	var licences []string
	s := lines(r)
	for s.Scan() {
		key, value, _ := strings.Cut(s.Text(), "=")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "pkgname":
			p.Name = value
		case "pkgver":
			p.Version = value
		case "arch":
			p.Arch = value
		case "pkgdesc":
			p.Summary = value
		case "url":
			p.Homepage = value
		case "license":
			licences = append(licences, value)
			s.keep(textSize(value))
		case "packager", "maintainer":
			p.Supplier = value
		case "origin":
			p.Source = value
		case "pkgbase": // only makepkg writes it
			p.Type, p.Source = alpm, value
		}
	}
	p.Licence = strings.Join(licences, " AND ")
	if p.Name == "" {
		return nil, s.Err()
	}
	return &Facts{Packages: []Package{p}}, s.Err()
}
