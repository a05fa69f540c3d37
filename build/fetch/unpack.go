package fetch

import (
	"archive/tar"
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/glob"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// An unpacker writes the wanted entries of an archive to a temporary folder.
type unpacker struct {
	root    *os.Root
	include *glob.Set // nil means all
	strip   int
	// made has the paths of files and links.
	made map[string]bool
	// names are the first names in the archive, for messages.
	names []string
}

// unpack writes the content of an archive to its folder.
func unpack(ctx context.Context, blob string, file File) (_ record, err error) {
	if info, err := os.Stat(file.Place); err == nil && !info.IsDir() {
		return record{}, fmt.Errorf("%s is a file: an archive needs a folder", file.Place)
	}
	if err := os.MkdirAll(file.Place, 0o755); err != nil {
		return record{}, err
	}
	fileop.SweepTemporary(file.Place)
	temp, err := os.MkdirTemp(filepath.Dir(file.Place), "."+filepath.Base(file.Place)+".*.tmp")
	if err != nil {
		return record{}, err
	}
	defer fileop.RemoveAll(temp)
	u := &unpacker{strip: file.Strip, made: map[string]bool{}}
	if u.root, err = os.OpenRoot(temp); err != nil {
		return record{}, err
	}
	defer u.root.Close()
	if len(file.Include) > 0 {
		if u.include, err = glob.New(file.Include...); err != nil {
			return record{}, err
		}
	}
	if err := u.archive(ctx, blob); err != nil {
		return record{}, fmt.Errorf("unpacking: %w", err)
	}
	if len(u.made) == 0 {
		return record{}, fmt.Errorf("unpacking: no file of the archive is wanted by include and strip-components; it begins with %s", strings.Join(u.names, ", "))
	}
	return u.move(temp, file.Place)
}

// archive reads all entries of an archive.
func (u *unpacker) archive(ctx context.Context, blob string) error {
	f, err := regular.Open(blob)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 4)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if magic := string(head[:n]); magic == "PK\x03\x04" || magic == "PK\x05\x06" {
		return u.zip(ctx, f)
	}
	_, content, err := sniff.Open(streams.WithContext(ctx, f))
	if err != nil {
		return err
	}
	defer content.Close()
	return u.tar(content)
}

func (u *unpacker) tar(content io.Reader) error {
	for reader := tar.NewReader(content); ; {
		h, err := reader.Next()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, tar.ErrHeader):
			return errors.New("it is not a tar, compressed or not, or a zip")
		case err != nil:
			return err
		}
		mode := h.FileInfo().Mode()
		if h.Typeflag == tar.TypeLink {
			err = u.hardLink(h.Name, h.Linkname)
		} else {
			err = u.entry(h.Name, mode, func() (io.ReadCloser, error) {
				if mode&fs.ModeSymlink != 0 {
					return io.NopCloser(strings.NewReader(h.Linkname)), nil
				}
				return io.NopCloser(reader), nil
			})
		}
		if err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

func (u *unpacker) zip(ctx context.Context, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(f, info.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return err
	}
	for _, z := range archive.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := u.entry(strings.ReplaceAll(z.Name, `\`, "/"), z.Mode(), z.Open); err != nil {
			return fmt.Errorf("%s: %w", z.Name, err)
		}
	}
	return nil
}

// wanted returns the path of an entry in the folder, or "" if the entry is omitted.
func (u *unpacker) wanted(name string) (string, error) {
	clean := path.Clean(name)
	if len(u.names) < 5 {
		u.names = append(u.names, clean)
	}
	if !filepath.IsLocal(filepath.FromSlash(clean)) {
		return "", errors.New("the entry leads out of the folder")
	}
	if clean == "." || u.include != nil && !u.include.Has(clean) {
		return "", nil
	}
	elements := strings.Split(clean, "/")
	if len(elements) <= u.strip {
		return "", nil
	}
	return path.Join(elements[u.strip:]...), nil
}

// entry writes one entry. The content of a link is its target.
func (u *unpacker) entry(name string, mode fs.FileMode, open func() (io.ReadCloser, error)) error {
	to, err := u.wanted(name)
	if err != nil || to == "" || mode.IsDir() {
		return err
	}
	if mode.Type() != 0 && mode.Type() != fs.ModeSymlink {
		return fmt.Errorf("want a file, folder or link, found %s", mode.Type())
	}
	content, err := open()
	if err != nil {
		return err
	}
	defer content.Close()
	if err := u.begin(to); err != nil {
		return err
	}
	if mode.Type() == fs.ModeSymlink {
		target, err := io.ReadAll(io.LimitReader(content, 4096))
		if err != nil {
			return err
		}
		if inside := path.Join(path.Dir(to), string(target)); path.IsAbs(string(target)) || !filepath.IsLocal(filepath.FromSlash(inside)) {
			return fmt.Errorf("the link to %s leads out of the folder", target)
		}
		return u.root.Symlink(string(target), to)
	}
	return u.write(to, mode, content)
}

// begin creates the parent folders of a file. A later entry with the same name replaces an earlier
// one, as with tar.
func (u *unpacker) begin(to string) error {
	if u.made[to] {
		if err := u.root.Remove(to); err != nil {
			return err
		}
	}
	u.made[to] = true
	return u.root.MkdirAll(path.Dir(to), 0o755)
}

func (u *unpacker) write(to string, mode fs.FileMode, content io.Reader) error {
	perm := fs.FileMode(0o644)
	if mode&0o111 != 0 {
		perm = 0o755
	}
	f, err := u.root.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, perm)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Chmod(perm), f.Close()) // whatever the umask
}

// hardLink copies the file of an earlier entry.
func (u *unpacker) hardLink(name, target string) error {
	to, err := u.wanted(name)
	if err != nil || to == "" {
		return err
	}
	from, err := u.wanted(target)
	if err != nil {
		return err
	}
	if !u.made[from] {
		return fmt.Errorf("it is a link to %s, which is not unpacked: include it too", target)
	}
	f, err := u.root.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := u.begin(to); err != nil {
		return err
	}
	return u.write(to, info.Mode(), f)
}

// move moves everything from the temporary folder to the place.
func (u *unpacker) move(temp, place string) (record, error) {
	var r record
	folder, err := os.OpenRoot(place)
	if err != nil {
		return r, err
	}
	defer folder.Close()
	for _, file := range slices.Sorted(maps.Keys(u.made)) {
		// In the folder, a link that leads outside is an error.
		if err := folder.MkdirAll(path.Dir(file), 0o755); err != nil {
			return r, err
		}
		local := filepath.FromSlash(file)
		if err := fileop.Rename(filepath.Join(temp, local), filepath.Join(place, local)); err != nil {
			return r, fmt.Errorf("moving %s to its place: %w", file, err)
		}
		if err := r.add(place, file); err != nil {
			return r, err
		}
	}
	return r, nil
}
