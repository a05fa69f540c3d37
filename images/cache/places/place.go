package places

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// isName reports whether s is a SHA-256 in hex, as segments and blobs are named.
func isName(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 32 && strings.ToLower(s) == s
}

// maxSegment limits the size of a segment, in bytes. Anybody may have written it.
const maxSegment = 64 << 20

// readSegment reads r, and closes it.
func readSegment(r io.ReadCloser) ([]byte, error) {
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, maxSegment+1))
	if err == nil && len(raw) > maxSegment {
		err = fmt.Errorf("it has more than %d bytes", maxSegment)
	}
	return raw, err
}
