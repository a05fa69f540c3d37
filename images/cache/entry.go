package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// An Entry says where the content for a kind and a key is.
type Entry struct {
	// Name is the kind and the SHA-256 of the key: kind/hex.
	Name string `json:"name"`
	// Sum is the digest of the content, and Size its size in bytes.
	Sum  v1.Hash `json:"sum"`
	Size int64   `json:"size"`
	// Pack is the blob that has the content at Offset. It is nil if the content is a blob of its own, named Sum.
	Pack   *Blob `json:"pack,omitempty"`
	Offset int64 `json:"offset,omitempty"`
	// Made and Used are when the content was made, and when it was last used, in seconds since 1970. Used is
	// accurate to a day.
	Made int64 `json:"made"`
	Used int64 `json:"used"`
	// Signature is that of signedText, or nil.
	Signature []byte `json:"signature,omitempty"`
}

// A Blob is content of a place, named by its digest.
type Blob struct {
	Digest v1.Hash `json:"digest"`
	Size   int64   `json:"size"` // in bytes
}

// blob returns the blob that has the content.
func (e Entry) blob() Blob {
	if e.Pack != nil {
		return *e.Pack
	}
	return Blob{e.Sum, e.Size}
}

// Kind returns the kind of the entry.
func (e Entry) Kind() string {
	kind, _, _ := strings.Cut(e.Name, "/")
	return kind
}

// nameOf returns the name of the entry for a kind and a key.
func nameOf(kind, key string) string {
	sum := sha256.Sum256([]byte(key))
	return kind + "/" + hex.EncodeToString(sum[:])
}

// signedText returns what a signature signs. The name is part of it, so that the signed content of one key is not
// accepted for another.
func (e Entry) signedText() []byte {
	return fmt.Appendf(nil, "slipway cache entry 1\n%s\n%s\n%d\n", e.Name, e.Sum, e.Size)
}

// maxContent limits the size of an entry, in bytes: an S3 object of one request.
const maxContent = 5 << 30

// check returns an error if the entry cannot be one that this package wrote.
func (e Entry) check() error {
	kind, hexSum, ok := strings.Cut(e.Name, "/")
	switch {
	case !ok || kind == "" || len(hexSum) != 2*sha256.Size:
		return fmt.Errorf("entry %q: want kind/SHA-256", e.Name)
	case !isSHA256(e.Sum) || e.Pack != nil && !isSHA256(e.Pack.Digest):
		return fmt.Errorf("entry %s: want SHA-256 digests", e.Name)
	case e.Size < 0 || e.Size > maxContent || e.Offset < 0:
		return fmt.Errorf("entry %s has %d bytes at %d", e.Name, e.Size, e.Offset)
	case e.Pack == nil && e.Offset != 0:
		return fmt.Errorf("entry %s has an offset without a pack", e.Name)
	case e.Pack != nil && (e.Pack.Size > maxPack || e.Offset > e.Pack.Size || e.Size > e.Pack.Size-e.Offset):
		return fmt.Errorf("entry %s ends at %d+%d, after the end of its pack of %d bytes", e.Name, e.Offset, e.Size, e.Pack.Size)
	}
	return nil
}

func isSHA256(h v1.Hash) bool {
	raw, err := hex.DecodeString(h.Hex)
	return h.Algorithm == "sha256" && err == nil && len(raw) == sha256.Size && strings.ToLower(h.Hex) == h.Hex
}

// newer reports whether e takes precedence over other, which has the same name. A time in the future, of a machine
// whose clock is wrong, counts as now.
func (e Entry) newer(other Entry, now int64) bool { return min(e.Made, now) > min(other.Made, now) }

// day is the accuracy of the time of last use.
const day = 24 * time.Hour

// A wrongError means that content of a place is not what its entry states, or not what it must be.
type wrongError struct {
	Reason error
}

func (e *wrongError) Error() string { return e.Reason.Error() }
func (e *wrongError) Unwrap() error { return e.Reason }

// isWrong reports whether err is about content, and not about reaching it.
func isWrong(err error) bool {
	var wrong *wrongError
	return errors.As(err, &wrong)
}
