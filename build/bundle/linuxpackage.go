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
	// debName is of Debian's policy, section 5.6.1; rpmName is what rpm's own macros accept.
	debName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
	rpmName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_+.-]*$`)
	release = regexp.MustCompile(`^[0-9A-Za-z.+~]*$`)
)

// scripts are the fields of nfpm by the names that a Package has for them.
var scripts = map[string]func(*nfpm.Scripts) *string{
	"preinstall":  func(s *nfpm.Scripts) *string { return &s.PreInstall },
	"postinstall": func(s *nfpm.Scripts) *string { return &s.PostInstall },
	"preremove":   func(s *nfpm.Scripts) *string { return &s.PreRemove },
	"postremove":  func(s *nfpm.Scripts) *string { return &s.PostRemove },
}

func checkDeb(b *bundle) error {
	errs := []error{checkPackage(b)}
	if !debName.MatchString(b.pkg.Name) {
		errs = append(errs, fmt.Errorf("name %q: a deb's is two or more of a-z, 0-9, +, - and ., beginning with a letter or digit", b.pkg.Name))
	}
	if b.pkg.Maintainer == "" {
		errs = append(errs, errors.New("maintainer is missing, which a deb must have: Name <address>"))
	}
	return errors.Join(errs...)
}

func checkRPM(b *bundle) error {
	errs := []error{checkPackage(b)}
	if !rpmName.MatchString(b.pkg.Name) {
		errs = append(errs, fmt.Errorf("name %q: an rpm's is letters, digits, and _ + - or . inside", b.pkg.Name))
	}
	// The header's sizes are 32 bits wide, and the writer's have a sign.
	if size := b.size(); size > math.MaxInt32 {
		errs = append(errs, fmt.Errorf("its files have %d bytes, and an rpm holds no more than %d: leave some out, or write a .tar.gz", size, math.MaxInt32))
	}
	return errors.Join(errs...)
}

// checkPackage says what neither deb nor rpm can be made of.
func checkPackage(b *bundle) error {
	var errs []error
	p := b.pkg
	if p.Platform != "linux" {
		errs = append(errs, fmt.Errorf("platform is %q, and packages of this format are for linux: write a .zip or .tar.gz", p.Platform))
	}
	if p.Arch == "" {
		errs = append(errs, errors.New("the architecture is missing"))
	}
	if strings.TrimSpace(p.Description) == "" {
		errs = append(errs, errors.New("description is missing, which every package has: its first line is the summary"))
	}
	if _, err := packageVersion(p.Version); err != nil {
		errs = append(errs, err)
	}
	if !release.MatchString(p.Release) {
		errs = append(errs, fmt.Errorf("release %q: want letters, digits, . + and ~ only", p.Release))
	}
	// Each is one line of a control file, in which a second line is another field.
	for name, value := range map[string]string{"maintainer": p.Maintainer, "homepage": p.Homepage, "license": p.License, "vendor": p.Vendor, "section": p.Section,
		"depends": strings.Join(p.Depends, ""), "recommends": strings.Join(p.Recommends, ""), "conflicts": strings.Join(p.Conflicts, ""),
		"provides": strings.Join(p.Provides, ""), "replaces": strings.Join(p.Replaces, "")} {
		if strings.ContainsAny(value, "\r\n") {
			errs = append(errs, fmt.Errorf("%s %q: want one line", name, value))
		}
	}
	for _, f := range b.files {
		if !strings.HasPrefix(f.Path, "/") {
			errs = append(errs, fmt.Errorf("%s: its path in a package must begin with a slash, as /usr/bin/tool does, and is %q", f.Source, f.Path))
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
	info.RPM.BuildHost = "reproducible" // it would be the name of this host
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

// writePackage makes the package, which nfpm does in one go.
func writePackage(ctx context.Context, w io.Writer, b *bundle, packager nfpm.Packager, info *nfpm.Info) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := packager.Package(info, w); err != nil {
		return err
	}
	b.task.Add(int(b.size())) // nobody can look on from inside nfpm
	return ctx.Err()
}

// packageInfo is the bundle in nfpm's words.
func packageInfo(b *bundle, spell func(name, operator, version string) string) (*nfpm.Info, error) {
	p := b.pkg
	version, err := packageVersion(p.Version)
	if err != nil {
		return nil, err
	}
	arch := p.Arch
	if arch == "arm" {
		arch = "arm7" // what go builds for where GOARM does not say otherwise
	}
	info := &nfpm.Info{
		Name: p.Name, Arch: arch, Platform: p.Platform,
		// Prereleases are spelled in the version already.
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
		if e.packed { // the folders above are nfpm's to add
			info.Contents = append(info.Contents, content(e, b))
		}
	}
	return info, nil
}

// content is an entry in nfpm's words.
func content(e entry, b *bundle) *nfpmfiles.Content {
	c := &nfpmfiles.Content{
		Source: e.source, Destination: "/" + e.path, Type: nfpmfiles.TypeFile,
		FileInfo: &nfpmfiles.ContentFileInfo{
			Owner: "root", Group: "root", MTime: b.epoch, Size: e.size,
			// Both packagers take the bits as chmod spells them.
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

// ownedFolders are the folders that an rpm of b calls its own, which go when it is
// removed: those below a source, and those that are named after the package, such as
// /usr/share/doc/NAME, with what is in them; in both cases only what does not come with
// the system. Two rpms that own /usr/bin with different modes cannot be installed
// together. nfpm has the list, and gives it away only by what it makes of a tree.
func ownedFolders(b *bundle) (map[string]bool, error) {
	owned := map[string]bool{}
	for _, e := range b.entries { // folders above come before those below
		if !e.mode.IsDir() || !owned["/"+path.Dir(e.path)] && !namedAfter(path.Base(e.path), b.pkg.Name) {
			continue
		}
		if err := own(owned, b, b.temp, "/"+e.path); err != nil {
			return nil, err
		}
	}
	for _, f := range b.files {
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

// own adds to owned what nfpm takes for the package's own of a tree at a place.
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

// namedAfter says whether a folder is called like the package, or like the first part of
// its name: rke2 for rke2-server.
func namedAfter(folder, name string) bool {
	return folder == name || strings.HasPrefix(name, folder+"-")
}
