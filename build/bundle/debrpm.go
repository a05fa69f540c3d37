package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	nfpmfiles "github.com/goreleaser/nfpm/v2/files"
	"github.com/goreleaser/nfpm/v2/rpm"
)

var (
	// debName follows Debian's policy, section 5.6.1. rpmName matches the names that rpm's own
	// macros accept.
	debName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
	rpmName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_+.-]*$`)
	release = regexp.MustCompile(`^[0-9A-Za-z.+~]*$`)
)

// scripts maps the keys of Package.Scripts to fields of nfpm.
var scripts = map[string]func(*nfpm.Scripts) *string{
	"preinstall":  func(s *nfpm.Scripts) *string { return &s.PreInstall },
	"postinstall": func(s *nfpm.Scripts) *string { return &s.PostInstall },
	"preremove":   func(s *nfpm.Scripts) *string { return &s.PreRemove },
	"postremove":  func(s *nfpm.Scripts) *string { return &s.PostRemove },
}

func checkDeb(b *bundle) error {
	errs := []error{checkPackage(b)}
	if !debName.MatchString(b.pkg.Name) {
		errs = append(errs, fmt.Errorf("name %q: a deb needs two or more of a-z, 0-9, +, - and ., starting with a letter or digit", b.pkg.Name))
	}
	if b.pkg.Maintainer == "" {
		errs = append(errs, errors.New("missing maintainer, which a deb requires: Name <address>"))
	}
	return errors.Join(errs...)
}

func checkRPM(b *bundle) error {
	errs := []error{checkPackage(b)}
	if !rpmName.MatchString(b.pkg.Name) {
		errs = append(errs, fmt.Errorf("name %q: an rpm needs letters and digits, and _ + - or . inside", b.pkg.Name))
	}
	// Sizes in the header are 32 bits wide, and signed in the writer.
	if size := b.size(); size > math.MaxInt32 {
		errs = append(errs, fmt.Errorf("its files have %d bytes, but an rpm can hold at most %d: remove some, or write a .tar.gz", size, math.MaxInt32))
	}
	return errors.Join(errs...)
}

// checkPackage returns an error if b cannot be a package of any format.
func checkPackage(b *bundle) error {
	var errs []error
	p := b.pkg
	if p.Platform != "linux" {
		errs = append(errs, fmt.Errorf("packages of this format are for linux, not %q: write a .zip or .tar.gz", p.Platform))
	}
	if p.Arch == "" {
		errs = append(errs, errors.New("missing architecture"))
	}
	if strings.TrimSpace(p.Description) == "" {
		errs = append(errs, errors.New("missing description: its first line is the summary"))
	}
	if _, err := packageVersion(p.Version); err != nil {
		errs = append(errs, err)
	}
	if !release.MatchString(p.Release) {
		errs = append(errs, fmt.Errorf("release %q: want letters, digits, . + and ~ only", p.Release))
	}
	// Each value is one line of a control file. A second line would be another field.
	for name, value := range map[string]string{"maintainer": p.Maintainer, "homepage": p.Homepage, "license": p.License, "vendor": p.Vendor, "section": p.Section,
		"depends": strings.Join(p.Depends, ""), "recommends": strings.Join(p.Recommends, ""), "conflicts": strings.Join(p.Conflicts, ""),
		"provides": strings.Join(p.Provides, ""), "replaces": strings.Join(p.Replaces, "")} {
		if strings.ContainsAny(value, "\r\n") {
			errs = append(errs, fmt.Errorf("%s %q: want one line", name, value))
		}
	}
	for _, f := range b.files {
		if !strings.HasPrefix(f.Path, "/") {
			errs = append(errs, fmt.Errorf("%s: path %q in a package must start with a slash, as in /usr/bin/tool", f.Source, f.Path))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Scripts)) {
		if scripts[name] == nil {
			errs = append(errs, fmt.Errorf("script %q: want one of %s", name, strings.Join(slices.Sorted(maps.Keys(scripts)), ", ")))
		} else if info, err := os.Stat(p.Scripts[name]); err != nil {
			errs = append(errs, fmt.Errorf("script %s: %w", name, err))
		} else if !info.Mode().IsRegular() {
			errs = append(errs, fmt.Errorf("script %s: %s is not a regular file", name, p.Scripts[name]))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func writeDeb(ctx context.Context, w io.Writer, b *bundle) error {
	info, err := packageInfo(b, debRelation)
	if err != nil {
		return err
	}
	if info.Section == "" {
		info.Section = "misc"
	}
	return writePackage(ctx, w, b, deb.Default, info)
}

func writeRPM(ctx context.Context, w io.Writer, b *bundle) error {
	info, err := packageInfo(b, rpmRelation)
	if err != nil {
		return err
	}
	info.RPM.BuildHost = "reproducible" // instead of the name of this host
	if info.Changelog, err = b.rpmChangelog(); err != nil {
		return err
	}
	owned, err := ownedFolders(b)
	if err != nil {
		return err
	}
	info.Contents = slices.DeleteFunc(info.Contents, func(c *nfpmfiles.Content) bool {
		return c.Type == nfpmfiles.TypeDir && !owned[c.Destination]
	})
	for _, e := range b.entries {
		if !e.packed && owned["/"+e.path] {
			info.Contents = append(info.Contents, content(e, b))
		}
	}
	for _, c := range info.Contents {
		switch name := strings.TrimPrefix(c.Destination, "/"); {
		case c.Type != nfpmfiles.TypeFile:
		case isLicense(name):
			c.Type = nfpmfiles.TypeRPMLicense
		case isDocumentation(name):
			c.Type = nfpmfiles.TypeRPMDoc
		}
	}
	return writePackage(ctx, w, b, rpm.DefaultRPM, info)
}

// writePackage writes the package, which nfpm does in one call.
func writePackage(ctx context.Context, w io.Writer, b *bundle, packager nfpm.Packager, info *nfpm.Info) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := packager.Package(info, w); err != nil {
		return err
	}
	b.task.Add(int(b.size())) // nfpm reports no progress
	return ctx.Err()
}

// packageInfo converts the bundle to nfpm's type.
func packageInfo(b *bundle, spell func(name, operator, version string) string) (*nfpm.Info, error) {
	p := b.pkg
	version, err := packageVersion(p.Version)
	if err != nil {
		return nil, err
	}
	arch := p.Arch
	if arch == "arm" {
		arch = "arm7" // Go's default if GOARM is not set
	}
	info := &nfpm.Info{
		Name: p.Name, Arch: arch, Platform: p.Platform,
		// Prereleases are part of the version already.
		Version: version, VersionSchema: "none", Release: p.Release,
		Section: p.Section, Maintainer: p.Maintainer, Description: strings.TrimSpace(p.Description),
		Vendor: p.Vendor, Homepage: p.Homepage, License: p.License,
		DisableGlobbing: true, MTime: b.epoch,
	}
	info.Depends, info.Recommends = relations(p.Depends, spell), relations(p.Recommends, spell)
	info.Conflicts, info.Provides = relations(p.Conflicts, spell), relations(p.Provides, spell)
	info.Replaces = relations(p.Replaces, spell)
	for name, file := range p.Scripts {
		*scripts[name](&info.Scripts) = file
	}
	for _, e := range b.entries {
		if e.packed { // nfpm adds the folders above
			info.Contents = append(info.Contents, content(e, b))
		}
	}
	return info, nil
}

// content converts an entry to nfpm's type.
func content(e entry, b *bundle) *nfpmfiles.Content {
	c := &nfpmfiles.Content{
		Source: e.source, Destination: "/" + e.path, Type: nfpmfiles.TypeFile,
		FileInfo: &nfpmfiles.ContentFileInfo{
			Owner: "root", Group: "root", MTime: b.epoch, Size: e.size,
			// Both packagers expect the bits of chmod.
			Mode: fs.FileMode(unixMode(e.mode)),
		},
	}
	switch {
	case e.mode.IsDir():
		c.Type = nfpmfiles.TypeDir
	case e.mode.Type() == fs.ModeSymlink:
		c.Type, c.Source = nfpmfiles.TypeSymlink, e.link
	case e.config:
		c.Type = nfpmfiles.TypeConfigNoReplace
	}
	return c
}

// ownedFolders returns the folders that an rpm owns, and that are removed with it: folders below a
// source, and folders with the name of the package, such as /usr/share/doc/NAME, with their
// subfolders. It omits folders that belong to the system, because two rpms that own /usr/bin with
// different modes cannot be installed together. nfpm has the list of system folders, but exposes it
// only through its result for a tree.
func ownedFolders(b *bundle) (map[string]bool, error) {
	owned := map[string]bool{}
	for _, e := range b.entries { // parents before children
		if !e.mode.IsDir() || !owned["/"+path.Dir(e.path)] && !namedAfter(path.Base(e.path), b.pkg.Name) {
			continue
		}
		if err := own(owned, b, b.temp, "/"+e.path); err != nil {
			return nil, err
		}
	}
	for _, f := range b.files {
		if f.Folder {
			owned["/"+strings.Trim(path.Clean(f.Path), "/")] = true
		}
		if f.Folder || f.Link != "" {
			continue
		}
		if info, err := os.Stat(f.Source); err != nil {
			return nil, err
		} else if !info.IsDir() {
			continue
		}
		if err := own(owned, b, f.Source, f.Path); err != nil {
			return nil, err
		}
	}
	return owned, nil
}

// own adds to owned the folders of a tree at a place that nfpm assigns to the package.
func own(owned map[string]bool, b *bundle, source, at string) error {
	tree := nfpmfiles.Contents{{Source: source, Destination: at, Type: nfpmfiles.TypeTree}}
	prepared, err := nfpmfiles.PrepareForPackager(tree, 0, "rpm", true, b.epoch)
	if err != nil {
		return err
	}
	for _, c := range prepared {
		if c.Type == nfpmfiles.TypeDir {
			owned["/"+strings.Trim(c.Destination, "/")] = true
		}
	}
	return nil
}

// namedAfter reports whether a folder has the name of the package, or the first part of the name:
// rke2 for rke2-server.
func namedAfter(folder, name string) bool {
	return folder == name || strings.HasPrefix(name, folder+"-")
}
