package proof

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
)

// Limits of what is read of an archive that may be hostile, in bytes.
const (
	maxStatement = 20 << 20 // about 100,000 files
	MaxItem      = 64 << 20
	// maxAround is the size of a signature without the statement, which it has in base64.
	maxAround = 16 << 10
)

// maxSignatures is the largest number of signatures that an archive may have.
const maxSignatures = 16

// A Proof is the proof of an archive, as it was read. Nothing of it is checked but its form.
type Proof struct {
	// Statement is the content statement as it is in the archive.
	Statement []byte
	Content   Content
	// Signatures are those over the statement, in the order of their numbers.
	Signatures []signature
	// Beside is the signature over the archive as a file, or nil. It vouches for the content as those over the
	// statement do, and may be of an identity.
	Beside *FileSignature
}

// A FileSignature is a signature over a file.
type FileSignature struct {
	// Name is the name of the bundle.
	Name   string
	Bundle []byte
	// Digest is the SHA-256 of the file.
	Digest [sha256.Size]byte
}

// verify returns who signed the file.
func (s *FileSignature) verify(ctx context.Context, trusted []sign.Verifier) (sign.Verifier, error) {
	b, err := sign.ParseBundle(s.Bundle)
	if err != nil {
		return nil, err
	}
	return b.VerifyMessage(ctx, sign.Digest(s.Digest), trusted)
}

// A signature is what a bundle says of the statement. The statement does not list its signatures, so each must be a
// bundle of this form.
type signature struct {
	// hint is that of the key that it claims to be of.
	hint  string
	value []byte
}

// parseSignature reads a bundle, which must be over the statement and have nothing else.
func parseSignature(raw, content []byte) (signature, error) {
	b, err := sign.ParseBundle(raw)
	if err == nil {
		err = b.CheckForm(raw, statement.MediaType, content)
	}
	if err != nil {
		return signature{}, err
	}
	return signature{b.Hint(), slices.Clone(b.Signature())}, nil
}

// signedBy returns the key that has signed message, the statement in an envelope. It returns the key together with an
// error if the signature claims to be of another one.
func (s signature) signedBy(ctx context.Context, message sign.Message, trusted []sign.Verifier) (sign.Verifier, error) {
	key, err := sign.NewMessageSignature(s.value).VerifyMessage(ctx, message, trusted)
	if err == nil && key.Hint() != s.hint {
		err = fmt.Errorf("key %s has signed it", key.Hint())
	}
	if err != nil {
		return key, fmt.Errorf("%w; the bundle names key %q", err, s.hint)
	}
	return key, nil
}

// Bundles returns the signatures as they are in the archive. Their form leaves no choice, so that they need not be kept.
func (p *Proof) Bundles() ([][]byte, error) {
	var all [][]byte
	for _, s := range p.Signatures {
		raw, err := sign.EncodeEnvelope(s.hint, statement.MediaType, p.Statement, s.value)
		if err != nil {
			return nil, err
		}
		all = append(all, raw)
	}
	return all, nil
}

// Read reads the proof of an archive. read returns the content of a file of the archive that has at most limit
// bytes. A file with the name of a signature that is not a bundle over the statement is an error. An error that wraps
// fs.ErrNotExist says that the archive has no proof.
func Read(ctx context.Context, read func(ctx context.Context, name string, limit int64) ([]byte, error)) (*Proof, error) {
	content, err := read(ctx, StatementFile, maxStatement)
	if err != nil {
		return nil, err
	}
	p := &Proof{Statement: content}
	if p.Content, err = parse(content); err != nil {
		return nil, fmt.Errorf("reading %s: %w", StatementFile, err)
	}
	limit := int64(base64.StdEncoding.EncodedLen(len(content)) + maxAround)
	for n := 1; ; n++ {
		file := signatureFile(n)
		raw, err := read(ctx, file, limit)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return p, nil
		case err != nil:
			return nil, err
		case n > maxSignatures:
			return nil, fmt.Errorf("reading %s: an archive may have at most %d signatures", file, maxSignatures)
		}
		s, err := parseSignature(raw, content)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		p.Signatures = append(p.Signatures, s)
	}
}

// SBOMs returns the names of the files of SBOMs that a content statement lists. It returns none if it is not valid.
func SBOMs(content []byte) map[string]bool {
	c, err := parse(content)
	if err != nil {
		return nil
	}
	names := map[string]bool{}
	for _, img := range append(c.Images, ImageContent{Proof: c.Proof}) {
		for _, item := range img.Proof {
			if item.Kind == SBOM {
				names[ItemFile(item.Digest)] = true
			}
		}
	}
	return names
}
