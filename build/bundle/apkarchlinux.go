package bundle

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/apk"
	"github.com/goreleaser/nfpm/v2/arch"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/sniff"
)

var (
	// apkName matches the names that apk-tools accept; archName those that makepkg accepts (PKGBUILD(5)).
	apkName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.+-]*$`)
	archName = regexp.MustCompile(`^[a-z0-9@_+][a-z0-9@._+-]*$`)
	digits   = regexp.MustCompile(`^[0-9]*$`)
)

func checkAPK(b *bundle) error {
	errs := []error{checkPackage(b), checkRelease(b, "an apk")}
	if !apkName.MatchString(b.pkg.Name) {
		errs = append(errs, fmt.Errorf("name %q: an apk needs letters, digits and _ . + -, starting with a letter or digit", b.pkg.Name))
	}
	_, err := apkVersion(b.pkg.Version, b.epoch)
	return errors.Join(append(errs, err)...)
}

func checkArchlinux(b *bundle) error {
	errs := []error{checkPackage(b), checkRelease(b, "an archlinux package")}
	if !archName.MatchString(b.pkg.Name) {
		errs = append(errs, fmt.Errorf("name %q: an archlinux package needs lower-case letters, digits and @ . _ + -, and - or . not at the start", b.pkg.Name))
	}
	return errors.Join(errs...)
}

func checkRelease(b *bundle, format string) error {
	if !digits.MatchString(b.pkg.Release) {
		return fmt.Errorf("release %q: %s needs a number", b.pkg.Release, format)
	}
	return nil
}

func writeAPK(ctx context.Context, w io.Writer, b *bundle) error {
	info, err := packageInfo(b, tightRelation)
	if err != nil {
		return err
	}
	if info.Version, err = apkVersion(b.pkg.Version, b.epoch); err != nil {
		return err
	}
	info.Release = cmp.Or(b.pkg.Release, "0")
	// nfpm does not write conflicts, which an apk spells as negated dependencies.
	for _, conflict := range info.Conflicts {
		info.Depends = append(info.Depends, "!"+conflict)
	}
	if err := b.undated(info); err != nil {
		return err
	}
	return writePackage(ctx, w, b, apk.Default, info)
}

func writeArchlinux(ctx context.Context, w io.Writer, b *bundle) error {
	info, err := packageInfo(b, tightRelation)
	if err != nil {
		return err
	}
	// pacman does not support ~, and sorts letters that directly follow a number before the number alone (vercmp(8)).
	info.Version = strings.ReplaceAll(info.Version, "~", "")
	info.ArchLinux.Packager = b.pkg.Maintainer
	return writePackage(ctx, w, b, arch.Default, info)
}

// undated replaces the scripts of a package by copies with the time of the bundle, since nfpm packs their times.
func (b *bundle) undated(info *nfpm.Info) error {
	for _, name := range slices.Sorted(maps.Keys(b.pkg.Scripts)) {
		content, err := regular.ReadFile(b.pkg.Scripts[name])
		if err != nil {
			return err
		}
		file, err := b.write(content)
		if err != nil {
			return err
		}
		if err := os.Chtimes(file, b.epoch, b.epoch); err != nil {
			return err
		}
		*scripts[name](&info.Scripts) = file
	}
	return nil
}

// tightRelation formats a relation for apk and pacman.
func tightRelation(name, operator, version string) string {
	switch operator {
	case "<<", ">>":
		operator = operator[:1]
	}
	return name + operator + version
}

var (
	apkNumbers    = regexp.MustCompile(`^[0-9]+(?:\.[0-9]+)*$`)
	apkPrerelease = regexp.MustCompile(`^(alpha|beta|pre|rc)[.-]?([0-9]*)$`)
	trailing      = regexp.MustCompile(`[0-9]+$`)
)

// apkVersion converts a semantic version for apk, which supports only some suffixes (apk-package(5)):
//
//	v1.2.3                  1.2.3
//	v1.2.3-rc.1             1.2.3_rc1
//	v1.2.3+rke2r2           1.2.3_p2, from the number at the end
//	v0.0.0+dev.1a2b3c4d     0.0.0_git20231114, from the date of the bundle
func apkVersion(version string, epoch time.Time) (string, error) {
	numbers, metadata, hasMetadata := strings.Cut(strings.TrimPrefix(version, "v"), "+")
	numbers, prerelease, hasPrerelease := strings.Cut(numbers, "-")
	spelled, ok := numbers, apkNumbers.MatchString(numbers)
	if hasPrerelease {
		m := apkPrerelease.FindStringSubmatch(prerelease)
		if ok = ok && m != nil; ok {
			spelled += "_" + m[1] + m[2]
		}
	}
	if hasMetadata {
		if strings.HasPrefix(metadata, "dev.") {
			spelled += "_git" + epoch.Format("20060102")
		} else if n := trailing.FindString(metadata); n != "" {
			spelled += "_p" + n
		} else {
			ok = false
		}
	}
	if !ok {
		return "", fmt.Errorf("version %q: an apk needs numbers, then alpha, beta, pre or rc after a -, and a number at the end of what is after a +, such as v1.2.3-rc1+rke2r1", version)
	}
	return spelled, nil
}

// walkAPK reads an apk: two gzip members, each with a tar, the second of which has the files (apk-package(5)).
func walkAPK(file *os.File, see seeFunc) error {
	// A gzip reader reads beyond the end of its member, unless its input is an io.ByteReader.
	body, err := gzip.NewReader(byteReader{file})
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	body.Multistream(false)
	if err := walkTar(body, func(string, fs.FileMode, string, io.Reader) error { return nil }); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("control: %w", err)
	}
	if _, err := io.Copy(io.Discard, body); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	return walkGzippedTar(file, see)
}

// A byteReader reads single bytes, so that a decompressor stops at the end of its data.
type byteReader struct{ io.Reader }

func (r byteReader) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r.Reader, b[:])
	return b[0], err
}

// walkArchlinux reads a package of Arch Linux: a compressed tar, in which names that begin with a dot are metadata.
func walkArchlinux(file *os.File, see seeFunc) error {
	_, body, err := sniff.Open(file)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := walkTar(body, func(name string, mode fs.FileMode, link string, content io.Reader) error {
		if slices.Contains([]string{".PKGINFO", ".MTREE", ".INSTALL"}, name) {
			return nil
		}
		return see(name, mode, link, content)
	}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, body)
	return err
}
