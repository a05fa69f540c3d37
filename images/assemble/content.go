package assemble

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/slipway-build/slipway/internal/regular"
)

// content is where the bytes of a file come from: a diskFile, a literal, or a
// member of an archive.
type content interface{ isContent() }

// A diskFile is a regular file on this machine's disk.
type diskFile struct {
	path string
	info fs.FileInfo // of Lstat
}

// A literal is a file that stands in the Dockerfile itself.
type literal []byte

// A member is a file in an archive: a layer of an image, or a tar that ADD
// unpacks.
type member struct {
	archive *archive
	// index counts the headers of the archive's tar before the file's own.
	index int
}

// An archive is a tar that can be read as often as need be.
type archive struct {
	// id names the bytes: layer or tar, and a digest.
	id string
	// open reads the uncompressed tar from its beginning.
	open func(context.Context) (io.ReadCloser, error)
}

func (*diskFile) isContent() {}
func (literal) isContent()   {}
func (*member) isContent()   {}

// known is content with its name, as images/layer wants it.
type known struct {
	id   string
	open func(context.Context) (io.ReadCloser, error)
	// source is what it was made of.
	source content
}

func (k *known) ID() string                                      { return k.id }
func (k *known) Open(ctx context.Context) (io.ReadCloser, error) { return k.open(ctx) }

// identify names a disk file or a literal by the digest of its bytes.
func (a *Assembler) identify(ctx context.Context, c content) (*known, error) {
	switch c := c.(type) {
	case *diskFile:
		digest, err := a.layers.FileDigest(ctx, c.path, c.info)
		if err != nil {
			return nil, err
		}
		return &known{id: digest.String(), open: func(context.Context) (io.ReadCloser, error) {
			return openVerified(c.path, digest.Hex)
		}}, nil
	case literal:
		sum := sha256.Sum256(c)
		return &known{id: "sha256:" + hex.EncodeToString(sum[:]), open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(c)), nil
		}}, nil
	case *member:
		return &known{id: fmt.Sprintf("%s#%d", c.archive.id, c.index)}, nil
	}
	return nil, fmt.Errorf("content of type %T", c)
}

// openVerified reads a file whose digest is known, and fails at its end if it
// has changed since: the layer would be remembered as something that it is not.
func openVerified(name, want string) (io.ReadCloser, error) {
	f, err := regular.Open(name)
	if err != nil {
		return nil, err
	}
	return &verifiedFile{f, sha256.New(), want}, nil
}

type verifiedFile struct {
	f    *os.File
	hash hash.Hash
	want string
}

func (v *verifiedFile) Read(p []byte) (int, error) {
	n, err := v.f.Read(p)
	v.hash.Write(p[:n])
	if err == io.EOF {
		if got := hex.EncodeToString(v.hash.Sum(nil)); !strings.EqualFold(got, v.want) {
			return n, fmt.Errorf("%s changed while it was read: its SHA-256 is %s, it was %s; build again", v.f.Name(), got, v.want)
		}
	}
	return n, err
}

func (v *verifiedFile) Close() error { return v.f.Close() }
