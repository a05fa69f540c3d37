package catalog

import (
	"fmt"
	"io"
	"path"
	"strings"
)

// Suffixes of the files in which dpkg lists the files of a package.
const (
	listSuffix = ".list"
	md5Suffix  = ".md5sums"
)

// ControlFile returns the package that the file control of a deb describes.
func ControlFile(r io.Reader) (Package, error) {
	f, err := dpkgPackages(r)
	if err == nil && len(f.Packages) != 1 {
		err = fmt.Errorf("it describes %d packages", len(f.Packages))
	}
	if err != nil {
		return Package{}, err
	}
	return f.Packages[0], nil
}

// dpkgPackages reads a status file: paragraphs of fields (deb-control(5)).
func dpkgPackages(r io.Reader) (*Facts, error) {
	var (
		f      Facts
		p      = Package{Type: Deb}
		status string
		s      = lines(r)
	)
	flush := func() {
		// Packages that were removed stay in the file for their configuration. status.d has no Status.
		if p.Name != "" && (status == "" || strings.HasSuffix(status, " installed")) {
			f.Packages = append(f.Packages, p)
			s.keep(packageSize)
		}
		p, status = Package{Type: Deb}, ""
	}
	for s.Scan() {
		line := s.Text()
		if strings.TrimSpace(line) == "" {
			flush()
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue // the rest of a field; of a description only the first line is kept
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		s.keep(len(value))
		switch strings.ToLower(name) {
		case "package":
			p.Name = value
		case "status":
			status = value
		case "version":
			p.Version = value
		case "architecture":
			p.Arch = value
		case "maintainer":
			p.Supplier = value
		case "homepage":
			p.Homepage = value
		case "description":
			p.Summary = value
		case "source":
			// Source: glibc (2.36-9)
			source, version, _ := strings.Cut(value, " ")
			p.Source, p.SourceVersion = source, strings.Trim(version, " ()")
		}
	}
	flush()
	return &f, s.Err()
}

// dpkgList reads a list of files: a path in each line. dpkgSums reads one with the MD5 sum before each path.
func dpkgList(r io.Reader) (*Facts, error) { return dpkgPaths(r, false) }
func dpkgSums(r io.Reader) (*Facts, error) { return dpkgPaths(r, true) }

// dpkgPaths reads a list of files: a path in each line, with the MD5 sum before it if sums is set.
func dpkgPaths(r io.Reader, sums bool) (*Facts, error) {
	var f Facts
	s := lines(r)
	for s.Scan() {
		p := s.Text()
		if sums {
			_, p, _ = strings.Cut(p, " ")
			p = strings.TrimLeft(p, " ")
		}
		if p = path.Clean("/" + p)[1:]; p != "" {
			f.Paths = append(f.Paths, p)
			s.keep(textSize(p))
		}
	}
	if f.Paths == nil {
		return nil, s.Err()
	}
	return &f, s.Err()
}
