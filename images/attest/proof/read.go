package proof

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// Limits of what is read of an archive that may be hostile, in bytes.
const (
	maxStatement = 20 << 20 // about 100,000 files
	maxSignature = 30 << 20 // has the statement in base64
	MaxItem      = 64 << 20
)

// maxSignatures is the largest number of signatures of an archive that are read.
const maxSignatures = 16

// A Proof is the proof of an archive, as it was read. Nothing of it is checked but its form.
type Proof struct {
	// Statement is the content statement as it is in the archive.
	Statement []byte
	Content   Content
	// Signatures are Sigstore bundles.
	Signatures [][]byte
}

// Read reads the proof of an archive. read returns the content of a file of the archive that has at most limit
// bytes. An error that wraps fs.ErrNotExist says that the archive has no proof.
func Read(ctx context.Context, read func(ctx context.Context, name string, limit int64) ([]byte, error)) (*Proof, error) {
	statement, err := read(ctx, StatementFile, maxStatement)
	if err != nil {
		return nil, err
	}
	p := &Proof{Statement: statement}
	if p.Content, err = parse(statement); err != nil {
		return nil, fmt.Errorf("reading %s: %w", StatementFile, err)
	}
	for n := 1; n <= maxSignatures; n++ {
		bundle, err := read(ctx, signatureFile(n), maxSignature)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		p.Signatures = append(p.Signatures, bundle)
	}
	return p, nil
}

// SBOMs returns the names of the files of SBOMs that a content statement lists. It returns none if it is not valid.
func SBOMs(statement []byte) map[string]bool {
	c, err := parse(statement)
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
