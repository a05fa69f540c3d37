package catalog

import "github.com/slipway-build/slipway/images/attest/sbom/rpm"

// rpmPackages reads a database of rpm.
func (r *fileReader) rpmPackages(size int64) (*Facts, error) {
	content, err := r.spool.fill(r.head, size)
	if err != nil {
		return nil, err
	}
	headers, err := rpm.Installed(content, size)
	var f Facts
	for _, h := range headers {
		f.Packages = append(f.Packages, RPMPackage(h))
	}
	return parsed(&f, err), nil
}

// RPMPackage returns the package that a header of rpm describes.
func RPMPackage(h *rpm.Header) Package {
	version := h.Version
	if h.Release != "" {
		version += "-" + h.Release
	}
	return Package{Type: RPM, Name: h.Name, Version: version, Epoch: h.Epoch, Arch: h.Arch, Source: h.SourceRPM, Licence: h.License,
		Supplier: h.Vendor, Summary: h.Summary, Homepage: h.URL, Files: h.Files}
}
