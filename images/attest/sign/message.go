package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	_ "crypto/sha512" // SHA-384 and SHA-512
	"fmt"
	"io"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
)

// maxWhole is the size of the largest message that is read into memory.
const maxWhole = 256 << 20

// errWhole is the error for a message that is larger.
var errWhole = fmt.Errorf("an Ed25519 signature needs all of a file in memory: it may have at most %d MiB; use an ECDSA key, or sign only checksums", maxWhole>>20)

// A Message is bytes to sign or to verify, and their SHA-256.
type Message struct {
	open   func() (io.ReadCloser, error)
	digest [sha256.Size]byte
	// inputs has what was read before, by hash, while several verifiers are tried. It may be nil.
	inputs map[crypto.Hash]input
}

// An input is what a scheme signs of a message, or why it cannot be read.
type input struct {
	content []byte
	err     error
}

// Bytes returns a message of content.
func Bytes(content []byte) Message {
	return Message{open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }, digest: sha256.Sum256(content)}
}

// File returns a message of a file whose SHA-256 is digest. The file is read only for keys that do not sign a SHA-256.
func File(name string, digest [sha256.Size]byte) Message {
	return Message{open: func() (io.ReadCloser, error) { return regular.Open(name) }, digest: digest}
}

// Digest returns a message of which only the SHA-256 is known. To verify it with a key that does not sign a SHA-256 is an
// error.
func Digest(digest [sha256.Size]byte) Message {
	return Message{open: func() (io.ReadCloser, error) {
		return nil, fmt.Errorf("the key does not sign a SHA-256, and only the SHA-256 of the content is known: %x", digest)
	}, digest: digest}
}

// SHA256 returns the SHA-256 of m.
func (m Message) SHA256() [sha256.Size]byte { return m.digest }

// input returns the bytes of m that a scheme signs: its digest, or all of it.
func (m Message) input(ctx context.Context, s scheme) ([]byte, error) {
	if s.hash == crypto.SHA256 {
		return m.digest[:], nil
	}
	if known, ok := m.inputs[s.hash]; ok {
		return known.content, known.err
	}
	content, err := m.read(ctx, s)
	if m.inputs != nil {
		m.inputs[s.hash] = input{content, err}
	}
	return content, err
}

func (m Message) read(ctx context.Context, s scheme) ([]byte, error) {
	content, err := m.open()
	if err != nil {
		return nil, err
	}
	defer content.Close() // ignore error: read-only
	sum := sha256.New()
	r := io.TeeReader(streams.WithContext(ctx, content), sum)
	var input []byte
	if s.hash == 0 {
		if input, err = io.ReadAll(io.LimitReader(r, maxWhole+1)); len(input) > maxWhole {
			return nil, errWhole
		}
	} else {
		hash := s.hash.New()
		if _, err = io.Copy(hash, r); err == nil {
			input = hash.Sum(nil)
		}
	}
	if err != nil {
		return nil, err
	}
	if found := [sha256.Size]byte(sum.Sum(nil)); found != m.digest {
		return nil, fmt.Errorf("the content has SHA-256 %x, not %x: it was changed", found, m.digest)
	}
	return input, nil
}
