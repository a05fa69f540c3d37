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

// BlockSize is the unit of a tar, in bytes. Headers consist of whole blocks, and content is
// padded to whole blocks.
const BlockSize = 512

// TarEnd is the size of the zeros that end a tar, in bytes.
const TarEnd = 2 * BlockSize

// TarHeader returns the header of a file in an archive that we write. Mode (0644), owner (0)
// and time (1970-01-01) are the same on every host. The header is USTAR, preceded by a PAX
// record if the file has more than 8 GiB. A name that ends with a slash names a folder, whose
// mode is 0755.
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

// CleanName returns the clean form of a name in a tar or in a view. /x and ./x become x:
// docker load unpacks an archive into a folder and looks there for the names in manifest.json.
func CleanName(name string) string {
	return strings.TrimLeft(path.Clean(name), "/")
}

// CheckName returns an error if a name in a tar contains "..".
func CheckName(name string) error {
	if slices.Contains(strings.Split(name, "/"), "..") {
		return fmt.Errorf("the name of file %q contains \"..\"", name)
	}
	return nil
}

// CheckType returns an error if a tar entry is not a file, folder or link, at which docker
// load stops. It accepts global PAX headers, which are not entries.
func CheckType(name string, typeflag byte) error {
	switch typeflag {
	case tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink, tar.TypeGNUSparse, tar.TypeXGlobalHeader:
		return nil
	}
	return fmt.Errorf("%q is neither a file nor a folder (tar type %q)", name, typeflag)
}

// ErrNoEnd is the error for a tar without the zeros that end a tar. Most readers accept it.
var ErrNoEnd = errors.New("the end of the tar is missing, as if it had been cut off")

// TailError returns the error for count bytes after the end of a tar that are not zero.
func TailError(count int64) error {
	return fmt.Errorf("%d bytes that are not zero follow the end of the tar, where readers stop", count)
}

// IsSparse reports whether the tar leaves out the holes of a file, as tar -S does.
func IsSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

// BodySize returns the number of bytes between a header and the next one, with padding. It returns
// 0 for a sparse file, whose header does not contain it.
func BodySize(h *tar.Header) int64 {
	if IsSparse(h) {
		return 0
	}
	return h.Size + Padding(h.Size)
}

// Padding returns the number of zeros that follow content of size bytes.
func Padding(size int64) int64 {
	return -size & (BlockSize - 1)
}

var zeros [TarEnd]byte

// Zeros returns n zeros, at most TarEnd. The caller must not change them.
func Zeros(n int64) []byte { return zeros[:n] }

// MaxEntries is the largest number of files in an archive that is read. It bounds memory, and
// is far more than any archive of images has.
const MaxEntries = 1 << 20

// DuplicateError returns the error for two files with one name and different content.
func DuplicateError(name string) error {
	return fmt.Errorf("duplicate file %q with different content: docker load uses the last one, RKE2 the first", name)
}

// LinkTarget returns the clean name of the file that the symlink called name leads to. An
// absolute target starts at the top of the archive.
func LinkTarget(name, to string) string {
	if !path.IsAbs(to) {
		to = path.Join(path.Dir(name), to)
	}
	return CleanName(to)
}

// MayBeJSON reports whether a file that begins with head may be a JSON object or array.
func MayBeJSON(head []byte) bool {
	trimmed := bytes.TrimLeft(head, " \t\r\n")
	return len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[')
}
