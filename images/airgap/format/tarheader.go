package format

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// BlockSize is the unit of a tar: headers are made of blocks, bodies are padded
// to them.
const BlockSize = 512

// TarEnd ends a tar: two blocks of zeros.
const TarEnd = 2 * BlockSize

// TarHeader is the header of a file of an archive: mode 0644, owner 0, time 0,
// whatever the disk, the umask or the clock say. It is USTAR; a file over 8 GiB,
// which USTAR cannot tell, has a PAX record before it. A name that ends with a slash
// is that of a folder, whose mode is 0755.
func TarHeader(name string, size int64) ([]byte, error) {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0)}
	if strings.HasSuffix(name, "/") {
		h.Typeflag, h.Mode = tar.TypeDir, 0o755
	}
	var b bytes.Buffer
	err := tar.NewWriter(&b).WriteHeader(h)
	if err != nil {
		return nil, fmt.Errorf("writing the tar header of %s: %w", name, err)
	}
	return b.Bytes(), nil
}

// CleanName spells the name that a file has in a tar, or that one of the views
// calls it by. /x and ./x are x: docker load unpacks an archive into a folder and
// looks for what the views name below that folder.
func CleanName(name string) string {
	return strings.TrimLeft(path.Clean(name), "/")
}

// CheckName refuses the name of a file, as it stands in a tar, that leads upwards.
func CheckName(name string) error {
	if slices.Contains(strings.Split(name, "/"), "..") {
		return fmt.Errorf("the name of file %q contains \"..\"", name)
	}
	return nil
}

// CheckType refuses what is neither a file, a folder nor a link: docker load stops at it.
// Global PAX headers are not entries.
func CheckType(name string, typeflag byte) error {
	switch typeflag {
	case tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink, tar.TypeGNUSparse, tar.TypeXGlobalHeader:
		return nil
	}
	return fmt.Errorf("%q is neither a file nor a folder (tar type %q)", name, typeflag)
}

// ErrNoEnd says that a tar ends without the zeros that end one. Readers do not mind.
var ErrNoEnd = errors.New("the end of the tar is missing, as if it had been cut off")

// TailError is for bytes that are not zero behind the end of a tar.
func TailError(count int64) error {
	return fmt.Errorf("%d bytes that are not zero follow the end of the tar, where readers stop", count)
}

// IsSparse reports whether a file lies in a tar without its holes, as tar -S writes it.
func IsSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

// BodySize is how many bytes follow a header in a tar, padding included. Of a sparse file
// it is not known, and 0.
func BodySize(h *tar.Header) int64 {
	if IsSparse(h) {
		return 0
	}
	return h.Size + Padding(h.Size)
}

// Padding is how many zeros follow a body of size bytes.
func Padding(size int64) int64 {
	return -size & (BlockSize - 1)
}

// Zeros are what padding and the end of a tar are made of.
var Zeros [TarEnd]byte

// MaxEntries is far more files than any archive has, and few enough to hold.
const MaxEntries = 1 << 20

// DuplicateError is for a name that two files with different content have.
func DuplicateError(name string) error {
	return fmt.Errorf("duplicate file %q with different content: docker load takes the last one, RKE2 the first", name)
}

// LinkTarget is the name of the file that a symlink leads to. An absolute one
// leads to the archive's top.
func LinkTarget(name, to string) string {
	if !path.IsAbs(to) {
		to = path.Join(path.Dir(name), to)
	}
	return CleanName(to)
}

// MayBeJSON reports whether a file that begins with head may be a JSON object or list.
func MayBeJSON(head []byte) bool {
	trimmed := bytes.TrimLeft(head, " \t\r\n")
	return len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[')
}
