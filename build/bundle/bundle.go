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
	"github.com/slipway-build/slipway/progress"
)

// A File is a file, or all that lies below a folder, and its place in a bundle.
type File struct {
	// Source is a path on disk. A symbolic link is followed; those that lie below
	// a folder stay links.
	Source string
	// Path is where it stands in the bundle, with slashes. For a folder it is where
	// its content stands, and may be "." or "/". In archives a leading slash is
	// dropped, in deb and rpm there must be one.
	Path string
	// Mode is the permissions, for a folder those of the files below it; 0 means
	// what images.ContextMode makes of those on disk. Folders have 0755.
	Mode fs.FileMode
	// Config is set for what an upgrade of a deb or rpm must not overwrite.
	Config bool
}

// A Package is what a deb or rpm says of itself. For archives only Platform
// matters.
type Package struct {
	// Name is the package's, such as slipway.
	Name string
	// Version is a semantic version, with or without a v. Packages have 1.2.3~rc1+rke2r1
	// for v1.2.3-rc1+rke2r1, so that it sorts before 1.2.3.
	Version string
	// Arch and Platform are Go's names, such as amd64 and linux.
	Arch     string
	Platform string
	// Release is the packaging's own number; empty is none in a deb and 1 in an rpm,
	// which must have one.
	Release string
	// Maintainer is of the form Name <address>; a deb must have one.
	Maintainer string
	// Description begins with a line that is the summary.
	Description string
	Homepage    string
	License     string
	Vendor      string
	// Section is a deb's, such as admin; empty is misc.
	Section string
	// Depends and the rest name other packages, such as iptables, or with a version:
	// "iptables >= 1.8" and "iptables (>= 1.8)" are good for both formats.
	Depends, Recommends, Conflicts, Provides, Replaces []string
	// Scripts are files on disk by what they are run for: preinstall, postinstall,
	// preremove, postremove. Rpm runs them with /bin/sh.
	Scripts map[string]string
}

// A format is how one kind of bundle is written, and read back: walk calls see for
// each entry of the file.
type format struct {
	check func(b *bundle) error
	write func(ctx context.Context, w io.Writer, b *bundle) error
	walk  func(file *os.File, see seeFunc) error
}

// formats are the formats by the end of the bundle's name.
var formats = map[string]format{
	".tar.gz": {check: checkArchive, write: writeTarGz, walk: walkTarGz},
	".zip":    {check: checkZip, write: writeZip, walk: walkZip},
	".deb":    {check: checkDeb, write: writeDeb, walk: walkDeb},
	".rpm":    {check: checkRPM, write: writeRPM, walk: walkRPM},
}

// A bundle is what is to be written.
type bundle struct {
	files   []File
	entries []entry
	temp    string // folder for what is made for a package alone
	pkg     Package
	epoch   time.Time
	task    *progress.Task
}

// Write writes one bundle; the end of output's name says which format: .tar.gz, .zip,
// .deb or .rpm. epoch is the time of everything in it; the zero time is 1970. An
// error names all that is wrong with the files and the package at once, and leaves
// what was at output.
func Write(ctx context.Context, output string, files []File, pkg Package, epoch time.Time) (err error) {
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
		return errors.New("want a name that ends in .tar.gz, .zip, .deb or .rpm")
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
	if deb := strings.HasSuffix(output, ".deb"); deb || strings.HasSuffix(output, ".rpm") {
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
	if err := compare(ctx, b, temp.file, f.walk); err != nil {
		return fmt.Errorf("reading back what was written: %w", err)
	}
	return temp.commit()
}

// size is how many bytes the files have.
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
	}{b.task.Reader(contextReader{ctx, f}), f}, nil
}

// A contextReader ends with the context's error when that is cancelled.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
