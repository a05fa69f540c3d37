package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// A File is a file of a bundle, or a folder with its content, and its path in the bundle.
type File struct {
	// Source is a path on disk. A symbolic link is followed; links inside a folder are packed as
	// links.
	Source string
	// Include contains patterns of glob.New for the content of a folder, by its path below Source; an empty list means
	// all. Exclude contains patterns for the files to omit.
	Include, Exclude []string
	// Folder is set for an empty folder. Link is the target of a symbolic link. Neither has a Source.
	Folder bool
	Link   string
	// Path is the path in the bundle, with slashes. For a folder it is the path of its content, and
	// may be "." or "/". In archives a leading slash is dropped, in packages it is required.
	Path string
	// Mode contains the permissions, for a folder those of the files below it; 0 means those of
	// images.ContextMode. Folders have 0755.
	Mode fs.FileMode
	// Config marks a file that an upgrade of a deb or rpm must not overwrite.
	Config bool
}

// A Package is the metadata of a deb, rpm, apk or package of Arch Linux. For archives only Platform is used.
type Package struct {
	// Name is the name of the package, such as slipway.
	Name string
	// Version is a semantic version, with or without a leading v. In packages, v1.2.3-rc1+rke2r1
	// becomes 1.2.3~rc1+rke2r1, so that it sorts before 1.2.3.
	Version string
	// Arch and Platform are Go's names, such as amd64 and linux.
	Arch     string
	Platform string
	// Release is the number of the packaging. If it is empty, a deb has none, and an rpm, which requires one, has 1.
	Release string
	// Maintainer has the form Name <address>; required for a deb.
	Maintainer string
	// Description starts with a one-line summary.
	Description string
	Homepage    string
	License     string
	Vendor      string
	// Section is the section of a deb, such as admin; empty means misc.
	Section string
	// Depends and the other lists contain names of other packages, such as iptables, optionally with a version:
	// "iptables >= 1.8" and "iptables (>= 1.8)" work in all formats.
	Depends, Recommends, Conflicts, Provides, Replaces []string
	// Scripts maps preinstall, postinstall, preremove and postremove to files on disk. rpm runs them with /bin/sh.
	Scripts map[string]string
}

// A format writes bundles of one kind, and reads them back: walk calls see for each entry of the file.
type format struct {
	check func(b *bundle) error
	write func(ctx context.Context, w io.Writer, b *bundle) error
	walk  func(file *os.File, see seeFunc) error
	// isPackage means a package of a Linux distribution.
	isPackage bool
}

// formats maps suffixes of the bundle's name to formats.
var formats = map[string]format{
	".tar.gz":      {check: checkArchive, write: writeTarGz, walk: walkTarGz},
	".tgz":         {check: checkArchive, write: writeTarGz, walk: walkTarGz},
	".zip":         {check: checkZip, write: writeZip, walk: walkZip},
	".deb":         {check: checkDeb, write: writeDeb, walk: walkDeb, isPackage: true},
	".rpm":         {check: checkRPM, write: writeRPM, walk: walkRPM, isPackage: true},
	".apk":         {check: checkAPK, write: writeAPK, walk: walkAPK, isPackage: true},
	".pkg.tar.zst": {check: checkArchlinux, write: writeArchlinux, walk: walkArchlinux, isPackage: true},
}

// A bundle is an archive or package that is being written.
type bundle struct {
	files   []File
	entries []entry
	temp    string // folder for files made only for a package
	pkg     Package
	epoch   time.Time
	task    *progress.Task
}

// Write writes a bundle. The suffix of output selects the format: .tar.gz or .tgz, .zip, .deb, .rpm, .apk or
// .pkg.tar.zst. epoch is the time of all its content; the zero time means 1970. The error lists all problems of the
// files and the package. After an error, an existing output is unchanged.
//
// Write reads the bundle back and compares it with the files. It calls observe, unless that is nil, for each entry: Source
// is then a file with the content of the entry, which may be removed afterwards. An error of observe ends the writing.
func Write(ctx context.Context, output string, files []File, pkg Package, epoch time.Time, observe func(Content) error) (err error) {
	task := progress.Start(ctx, "bundle "+filepath.Base(output))
	defer func() {
		if err != nil {
			err = fmt.Errorf("bundle %s: %w", output, err)
		}
		task.Done(err)
	}()

	var f format
	for suffix, have := range formats {
		if strings.HasSuffix(output, suffix) {
			f = have
		}
	}
	if f.write == nil {
		return errors.New("want a name ending in .tar.gz, .tgz, .zip, .deb, .rpm, .apk or .pkg.tar.zst")
	}
	if epoch.IsZero() {
		epoch = time.Unix(0, 0)
	}
	b := &bundle{files: files, pkg: pkg, epoch: epoch.UTC().Truncate(time.Second), task: task}
	var collected error
	b.entries, collected = collect(output, files)
	if err := errors.Join(collected, f.check(b)); err != nil {
		return err
	}
	if deb := strings.HasSuffix(output, ".deb"); f.isPackage {
		var err error
		if b.temp, err = os.MkdirTemp("", "slipway-bundle-"); err != nil {
			return err
		}
		defer fileop.RemoveAll(b.temp)
		if err := b.documents(deb); err != nil {
			return err
		}
	}
	task.SetTotal(b.size())

	temp, err := newTempFile(output)
	if err != nil {
		return err
	}
	defer temp.discard()
	if err := f.write(ctx, temp.file, b); err != nil {
		return err
	}
	if _, err := temp.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := compare(ctx, b, temp.file, f.walk, observe); err != nil {
		return fmt.Errorf("reading back the bundle: %w", err)
	}
	return temp.commit()
}

// size returns the total size of the files, in bytes.
func (b *bundle) size() (sum int64) {
	for _, e := range b.entries {
		sum += e.size
	}
	return sum
}

// open opens the file of e for packing.
func (b *bundle) open(ctx context.Context, e entry) (io.ReadCloser, error) {
	f, err := regular.Open(e.source)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{b.task.Reader(streams.WithContext(ctx, f)), f}, nil
}
