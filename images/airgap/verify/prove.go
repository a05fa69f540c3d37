package verify

import (
	"archive/tar"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/internal/regular"
)

// checkProof compares the archive with its content statement, if it has one, and judges the proof by a policy.
func (r *Report) checkProof(ctx context.Context, c *contents, all []*viewed, o Options) {
	p, err := proof.Read(ctx, c.read)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if o.Policy != nil {
			r.problem("it has no proof, file %s; pack it with --proof and --sign-key", proof.StatementFile)
		}
		return
	case err != nil:
		r.problem("its proof: %v", err)
		return
	}
	var files []proof.File
	for _, f := range c.files {
		if f.typeflag == tar.TypeDir {
			continue
		}
		digest := v1.Hash{Algorithm: "sha256", Hex: f.digest}
		if f.link != "" {
			digest = v1.Hash{} // the statement lists files, and this is a link
		}
		files = append(files, proof.File{Name: f.rawName, Digest: digest, Size: f.Size})
	}
	names := map[string]v1.Hash{}
	for _, v := range all {
		for _, n := range v.names {
			names[n] = v1.Hash{Algorithm: "sha256", Hex: v.config.digest}
		}
	}
	for _, problem := range p.Compare(files, names) {
		r.problem("%s", problem)
	}
	if o.Policy == nil {
		r.note("its proof was compared with its content, but nobody's signature was checked; give --key or --policy")
		return
	}
	if c.beside != nil {
		if _, err := hex.Decode(c.beside.Digest[:], []byte(c.sum)); err != nil {
			r.problem("its SHA-256: %v", err)
			return
		}
		p.Beside = c.beside
	}
	r.Proof = p.Judge(ctx, o.Policy, func(h v1.Hash) []byte { return c.document(h) })
	for _, problem := range r.Proof.All() {
		r.problem("%s", problem)
	}
}

// read returns a file of the proof.
func (c *contents) read(_ context.Context, name string, limit int64) ([]byte, error) {
	f := c.byName[name]
	switch {
	case f == nil:
		return nil, fmt.Errorf("file %s: %w", name, fs.ErrNotExist)
	case f.json == nil:
		return nil, fmt.Errorf("file %s is not JSON of at most %d bytes", name, min(limit, format.JSONLimit))
	}
	return f.json, nil
}

// document returns a blob or an item of the proof by its digest, or nil.
func (c *contents) document(h v1.Hash) []byte {
	for _, name := range []string{proof.ItemFile(h), format.BlobName(h)} {
		if f := c.byName[name]; f != nil && f.digest == h.Hex {
			return f.json
		}
	}
	return nil
}

// besideSuffix is what the name of the file with the signature of an archive adds to that of the archive.
const besideSuffix = ".sigstore.json"

// maxBeside is the size in bytes of the largest signature that is read. It has no content.
const maxBeside = 1 << 20

// besideOf returns the signature beside an archive, if the policy wants one of an identity: archives contain none, since
// such signatures differ each time. It is nil if there is none. An archive in parts has one for each part, which is not
// read.
func besideOf(f *format.File, p *policy.Policy) (*proof.FileSignature, error) {
	if p == nil || !policy.Identities(p.Archive.Signers) {
		return nil, nil
	}
	path := f.StoredName() + besideSuffix
	file, err := regular.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the signature beside it: %w", err)
	}
	defer file.Close() // ignore error: read-only
	raw, err := io.ReadAll(io.LimitReader(file, maxBeside+1))
	if err == nil && len(raw) > maxBeside {
		err = fmt.Errorf("it has more than %d bytes", maxBeside)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return &proof.FileSignature{Name: filepath.Base(path), Bundle: raw}, nil
}
