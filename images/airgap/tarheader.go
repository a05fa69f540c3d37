package airgap

import (
	"archive/tar"
	"bytes"
	"fmt"
	"path"
	"strings"
	"time"
)

// blockSize is the unit of a tar: headers are made of blocks, bodies are padded
// to them.
const blockSize = 512

// tarEnd ends a tar: two blocks of zeros.
const tarEnd = 2 * blockSize

// tarHeader is the header of a file of an archive: mode 0644, owner 0, time 0,
// whatever the disk, the umask or the clock say. It is USTAR; a file over 8 GiB,
// which USTAR cannot tell, has a PAX record before it. A name that ends with a slash
// is that of a folder, whose mode is 0755.
func tarHeader(name string, size int64) ([]byte, error) {
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

// cleanName spells the name that a file has in a tar, or that one of the views
// calls it by. /x and ./x are x: docker load unpacks an archive into a folder and
// looks for what the views name below that folder.
func cleanName(name string) string {
	return strings.TrimLeft(path.Clean(name), "/")
}

// padding is how many zeros follow a body of size bytes.
func padding(size int64) int64 {
	return -size & (blockSize - 1)
}

// zeros are what padding and the end of a tar are made of.
var zeros [tarEnd]byte

// maxEntries is far more files than any archive has, and few enough to hold.
const maxEntries = 1 << 20

// duplicateError is for a name that two files with different content have.
func duplicateError(name string) error {
	return fmt.Errorf("duplicate file %q with different content: docker load takes the last one, RKE2 the first", name)
}

// linkTarget is the name of the file that a symlink leads to. An absolute one
// leads to the archive's top.
func linkTarget(name, to string) string {
	if !path.IsAbs(to) {
		to = path.Join(path.Dir(name), to)
	}
	return cleanName(to)
}

// isJSON reports whether a file that begins with head may be a JSON object or list.
func isJSON(head []byte) bool {
	trimmed := bytes.TrimLeft(head, " \t\r\n")
	return len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[')
}
