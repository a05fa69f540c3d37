package assemble

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// openTar returns the archive that file is, or nil if it is none: a tar, plain
// or compressed by gzip, bzip2, xz or zstd, that has at least one entry.
func (a *Assembler) openTar(ctx context.Context, file *diskFile) (*archive, error) {
	if !isTar(file.path) {
		return nil, nil
	}
	digest, err := a.layers.FileDigest(ctx, file.path, file.info)
	if err != nil {
		return nil, err
	}
	return &archive{
		id: "tar " + digest.String(),
		open: func(context.Context) (io.ReadCloser, error) {
			raw, err := openVerified(file.path, digest.Hex)
			if err != nil {
				return nil, err
			}
			r, err := decompress(raw)
			if err != nil {
				raw.Close()
				return nil, err
			}
			return &decompressed{r, raw}, nil
		},
	}, nil
}

// isTar says whether the file is an archive that ADD unpacks. A file that cannot
// be read as one is none.
func isTar(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	r, err := decompress(f)
	if err != nil {
		return false
	}
	defer r.Close()
	_, err = tar.NewReader(r).Next()
	return err == nil
}

// decompressed reads an archive and, at its end, what follows it in its file, so
// that all of the file is verified.
type decompressed struct {
	io.ReadCloser
	raw io.ReadCloser
}

func (d *decompressed) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	if err == io.EOF {
		if _, rawErr := io.Copy(io.Discard, d.raw); rawErr != nil {
			err = rawErr
		}
	}
	return n, err
}

func (d *decompressed) Close() error {
	err := d.ReadCloser.Close()
	if rawErr := d.raw.Close(); err == nil {
		err = rawErr
	}
	return err
}

// unpack puts what the archive holds into the folder dest, as ADD does. Names
// and hard links that lead out of it are refused; symlinks on the way lead
// within it, as they would in a chroot.
func (t *tree) unpack(dest place, as *owner, ar *archive, headers []header) error {
	inner := &tree{root: dest.node, changed: map[string]bool{}, replaced: map[string]bool{}}
	for i := range headers {
		if err := inner.unpackOne(as, ar, headers, i); err != nil {
			return fmt.Errorf("unpacking %q: %w", headers[i].Name, err)
		}
	}
	for p := range inner.replaced {
		t.forget(relative(path.Join(dest.path, p)))
	}
	for p := range inner.changed {
		t.touch(path.Join(dest.path, p))
	}
	return nil
}

func (t *tree) unpackOne(as *owner, ar *archive, headers []header, i int) error {
	h := &headers[i]
	if h.Type == tar.TypeXGlobalHeader {
		return nil
	}
	if leaves(h.Name) {
		return fmt.Errorf("its name leads out of the archive")
	}
	name := path.Join("/", h.Name)
	if name == "/" {
		return nil // the folder that is unpacked into stays as it is
	}
	dir, base := path.Split(name)
	parent, err := t.makeFolders(dir, newFolder())
	if err != nil {
		return err
	}
	n := h.node(ar, i)
	switch h.Type {
	case tar.TypeReg, tar.TypeSymlink, tar.TypeDir, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
	case tar.TypeLink:
		if leaves(h.Link) {
			return fmt.Errorf("it is a hard link to %q, which leads out of the archive", h.Link)
		}
		target, err := resolve(t.root, path.Join("/", h.Link), false)
		if err != nil {
			return err
		}
		if target.node == nil || target.node.isDir() {
			return fmt.Errorf("it is a hard link to %q, which is no file that came before it", h.Link)
		}
		n = target.node
	default:
		return fmt.Errorf("its type is %q, which no image can hold", h.Type)
	}
	if as != nil && h.Type != tar.TypeLink {
		n.uid, n.gid = as.uid, as.gid
	}
	if old := parent.node.entries[base]; n.isDir() && old.isDir() {
		old.mode, old.uid, old.gid, old.modTime, old.xattrs = n.mode, n.uid, n.gid, n.modTime, n.xattrs
		t.touch(path.Join(parent.path, base))
		return nil
	}
	return t.put(parent.node, parent.path, base, n)
}

// leaves says whether a name in an archive leads above the archive's root.
func leaves(name string) bool {
	clean := path.Clean(strings.TrimLeft(name, "/"))
	return clean == ".." || strings.HasPrefix(clean, "../")
}
