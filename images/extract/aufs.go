package extract

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path"
	"strconv"

	"github.com/slipway-build/slipway/images/fstree"
)

// aufsLinks holds the files of a layer that AUFS kept in a separate folder because they have
// several names. The names are hard links to them. As in containerd, each name becomes a separate
// file.
type aufsLinks struct {
	// folder, inside above, holds copies of the files until the end of the layer.
	above, folder *os.Root
	files         map[string]aufsLink
}

// An aufsLink is one of these files.
type aufsLink struct {
	header *tar.Header
	local  string // its name on disk
}

// aufsFolder is the name of the folder with the copies. Images do not use such a name.
const aufsFolder = ".wh..wh.kept"

// keep copies a file that links may lead to. Other entries of AUFS are ignored.
func (a *aufsLinks) keep(o *overlay, name string, h *tar.Header, body io.Reader) error {
	if path.Dir("/"+name) != fstree.AUFSLinks || h.Typeflag != tar.TypeReg {
		return nil
	}
	if a.folder == nil {
		a.above, a.files = o.targets[0].folder.root, map[string]aufsLink{}
		err := a.above.Mkdir(aufsFolder, 0o700)
		if err == nil {
			a.folder, err = a.above.OpenRoot(aufsFolder)
		}
		if err != nil {
			return err
		}
	}
	kept := aufsLink{h, strconv.Itoa(len(a.files))}
	f, err := a.folder.OpenFile(kept.local, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	a.files[path.Base(name)] = kept
	return errors.Join(o.copy(f, h.Size, body), f.Close())
}

// find returns the header and the content of the file that the link h leads to. If h does not lead
// to one, it returns h and body.
func (a *aufsLinks) find(h *tar.Header, body io.Reader) (*tar.Header, io.ReadCloser, error) {
	to := path.Join("/", h.Linkname)
	kept, ok := a.files[path.Base(to)]
	if !ok || h.Typeflag != tar.TypeLink || path.Dir(to) != fstree.AUFSLinks {
		return h, io.NopCloser(body), nil
	}
	f, err := a.folder.Open(kept.local)
	return kept.header, f, err
}

// forget removes the copies.
func (a *aufsLinks) forget() error {
	if a.folder == nil {
		return nil
	}
	err := errors.Join(a.folder.Close(), a.above.RemoveAll(aufsFolder))
	*a = aufsLinks{}
	return err
}
