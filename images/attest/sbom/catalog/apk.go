package catalog

import (
	"io"
	"path"
	"strings"
)

// apkPackages reads the database of installed packages of Alpine: paragraphs of lines that begin with a letter and a
// colon (https://wiki.alpinelinux.org/wiki/Apk_spec#Syntax).
func apkPackages(r io.Reader) (*Facts, error) {
	var (
		f      Facts
		p      = Package{Type: APK}
		folder string
		s      = lines(r)
	)
	flush := func() {
		if p.Name != "" {
			f.Packages = append(f.Packages, p)
			s.keep(packageSize)
		}
		p, folder = Package{Type: APK}, ""
	}
	for s.Scan() {
		key, value, _ := strings.Cut(s.Text(), ":")
		s.keep(len(value))
		switch key {
		case "":
			flush()
		case "P":
			p.Name = value
		case "V":
			p.Version = value
		case "A":
			p.Arch = value
		case "L":
			p.Licence = value
		case "T":
			p.Summary = value
		case "U":
			p.Homepage = value
		case "m":
			p.Supplier = value
		case "o":
			p.Source = value
		case "F":
			folder = value
		case "R":
			p.Files = append(p.Files, path.Clean("/" + folder + "/" + value)[1:])
			s.keep(textSize(folder)) // which is short in the file, as it is there once
		}
	}
	flush()
	return &f, s.Err()
}
