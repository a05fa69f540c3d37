package assemble

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/sniff"
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
			_, r, err := sniff.Open(raw)
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
	f, err := regular.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	_, r, err := sniff.Open(f)
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
	if errors.Is(err, sniff.ErrTrailing) {
		err = io.EOF // as for GNU tar, and for Docker
	}
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
	u := &unpacker{tree: newTree(dest.node), owner: as, made: map[*node]bool{}}
	for i := range headers {
		if err := u.unpack(&headers[i], headers[i].node(ar, i)); err != nil {
			return fmt.Errorf("unpacking %q: %w", headers[i].Name, err)
		}
	}
	for p := range u.tree.replaced {
		t.forget(relative(path.Join(dest.path, p)))
	}
	for p := range u.tree.changed {
		t.touch(path.Join(dest.path, p))
	}
	return nil
}

// An unpacker puts the entries of an archive into a tree, whose root is the
// folder that is unpacked to.
type unpacker struct {
	tree *tree
	// owner is nil where the archive's owners stay.
	owner *owner
	// made are the nodes that came from this archive, which nothing else has yet.
	made map[*node]bool
}

// unpack puts n, which h describes, where h says.
func (u *unpacker) unpack(h *header, n *node) error {
	if h.Type == tar.TypeXGlobalHeader {
		return nil
	}
	if leaves(h.Name) {
		return fmt.Errorf("its name leads out of the archive")
	}
	if u.owner != nil {
		n.uid, n.gid = u.owner.uid, u.owner.gid
	}
	name := path.Join("/", h.Name)
	if name == "/" {
		return u.root(h, n)
	}
	dir, base := path.Split(name)
	parent, err := u.tree.makeFolders(dir, archiveFolder)
	if err != nil {
		return err
	}
	switch h.Type {
	case tar.TypeReg, tar.TypeSymlink, tar.TypeDir, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		u.made[n] = true
	case tar.TypeLink:
		if n, err = u.link(h, n, path.Join(parent.path, base)); err != nil {
			return err
		}
	default:
		return fmt.Errorf("its type is %q, which no image can hold", h.Type)
	}
	if old := parent.node.entries[base]; n.isDir() && old.isDir() {
		old.describe(n)
		u.tree.touch(path.Join(parent.path, base))
		return nil
	}
	return u.tree.put(parent.node, parent.path, base, n)
}

// root takes an entry for the folder that is unpacked to. Like GNU tar's ./ it
// leaves that folder as it is; only /, which is rare, changes it, as in BuildKit.
func (u *unpacker) root(h *header, n *node) error {
	if !path.IsAbs(h.Name) {
		return nil
	}
	if !n.isDir() {
		return errors.New("it is not a folder, and would replace the one that is unpacked to")
	}
	u.tree.root.describe(n)
	u.tree.changed["."] = true
	return nil
}

// link returns the node to which a hard link leads. A link's header has a mode,
// an owner and a time of its own, which its target gets.
func (u *unpacker) link(h *header, n *node, at string) (*node, error) {
	if leaves(h.Link) {
		return nil, fmt.Errorf("it is a hard link to %q, which leads out of the archive", h.Link)
	}
	target, err := resolve(u.tree.root, path.Join("/", h.Link), false)
	if err != nil {
		return nil, err
	}
	if target.node == nil || target.node.isDir() || target.path == at {
		return nil, fmt.Errorf("it is a hard link to %q, which is not a file that came before it", h.Link)
	}
	to := target.node
	if !u.made[to] {
		// Other trees have this node, too: what changes is a copy.
		c := *to
		to = &c
		u.made[to] = true
		parent, err := resolve(u.tree.root, path.Dir(target.path), false)
		if err != nil {
			return nil, err
		}
		if err := u.tree.put(parent.node, parent.path, path.Base(target.path), to); err != nil {
			return nil, err
		}
	}
	if to.isLink() {
		to.uid, to.gid = n.uid, n.gid
	} else {
		to.relabel(n)
	}
	return to, nil
}

// describe gives n the mode, owner, time and attributes of other.
func (n *node) describe(other *node) {
	n.mode, n.uid, n.gid, n.modTime, n.xattrs = other.mode, other.uid, other.gid, other.modTime, other.xattrs
}

// leaves says whether a name in an archive leads above the archive's root.
func leaves(name string) bool {
	clean := path.Clean(strings.TrimLeft(name, "/"))
	return clean == ".." || strings.HasPrefix(clean, "../")
}
