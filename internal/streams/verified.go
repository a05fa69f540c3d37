package streams

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// Verified returns a reader of r. When r ends, it calls check with the SHA-256 of the bytes, in hexadecimal, and their
// number. An error of check replaces io.EOF.
func Verified(r io.Reader, check func(sum string, size int64) error) io.Reader {
	return &verifiedReader{r: r, hash: sha256.New(), check: check}
}

type verifiedReader struct {
	r     io.Reader
	hash  hash.Hash
	size  int64
	check func(sum string, size int64) error
}

func (v *verifiedReader) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.hash.Write(p[:n])
	v.size += int64(n)
	if err == io.EOF {
		if wrong := v.check(hex.EncodeToString(v.hash.Sum(nil)), v.size); wrong != nil {
			return n, wrong
		}
	}
	return n, err
}
