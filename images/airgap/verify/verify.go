package verify

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/progress"
)

// Options are requirements that an archive must meet in addition to being valid.
type Options struct {
	// List are the images that the archive must have.
	List []images.ListEntry
	// Checksums is the path of a file in the format of sha256sum, or "". It must have a line with
	// the name and the digest of the archive.
	Checksums string
	// Platform is the platform that every image must be for, see images.SelectPlatform; nil is any.
	Platform *v1.Platform
	// Policy says which proof the archive must carry; nil is none. A proof is compared with the content of the
	// archive in any case.
	Policy *policy.Policy
}

// A Report is the result of Archive.
type Report struct {
	Path  string       `json:"path"`
	Codec format.Codec `json:"codec"`
	Size  int64        `json:"size"` // of the file, in bytes
	// Images and Layers are the numbers of different images and layers.
	Images int `json:"images"`
	Layers int `json:"layers"`
	// Problems are errors in the archive: content that is damaged or missing, and content that some reader refuses or
	// reads differently than another one. An archive without problems is good.
	Problems []string `json:"problems"`
	// Notes describe what is unusual, mostly in archives of other programs.
	Notes []string `json:"notes"`
	// Proof says what the archive's proof proves by Options.Policy. Its problems are in Problems, too.
	Proof *proof.Verdict `json:"proof,omitempty"`
}

func (r *Report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Archive reads the archive at path to its last byte, and reports all problems:
//
//   - wrong digests, sizes, diff IDs and checksums, and missing blobs;
//   - what nodes refuse: JSON files over format.JSONLimit, zstd windows over format.MaxWindow, and layers
//     that manifest.json cannot describe;
//   - what readers read differently: duplicate files or names, names without a tag, different images in
//     manifest.json and index.json, several Windows versions, Windows images without os.version, and
//     LayerSources;
//   - a proof that differs from the content, or that does not suffice by the policy;
//   - a wrong index and, in an archive with an index, an order of files that makes nodes read much.
//
// If the archive cannot be read to its end, the report contains the position of the end, and nothing about the rest. An
// error means that Archive could not do its work: the archive or the checksums cannot be opened, or ctx ended.
func Archive(ctx context.Context, path string, o Options) (*Report, error) {
	f, err := format.Open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("verifying archive %s: %w", redact.Text(path), fileop.WithoutPath(err))
	}
	defer f.Close()
	return File(ctx, f, o)
}

// File is Archive for a file that is open, so that what is used later is what was verified.
func File(ctx context.Context, f *format.File, o Options) (_ *Report, err error) {
	task := progress.Start(ctx, "verify "+filepath.Base(f.Name))
	defer func() { task.Done(err) }()
	r, err := verify(ctx, f, o, task)
	if len(f.Files) == 0 && f.Err() != nil {
		err = f.Err() // of the web server, and not of the archive
	}
	if err != nil {
		return nil, fmt.Errorf("verifying archive %s: %w", f.Name, fileop.WithoutPath(err))
	}
	return r, nil
}

func verify(ctx context.Context, f *format.File, o Options, task *progress.Task) (*Report, error) {
	r := &Report{Path: f.Name, Size: f.Size(), Problems: []string{}, Notes: []string{}}
	task.SetTotal(r.Size)
	var err error
	if r.Codec, err = format.CodecOfFile(f, r.Size); errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	} else if err != nil {
		r.problem("%v", err)
		return r, nil
	}
	sum, err := wantedSum(o.Checksums, filepath.Base(f.StoredName()), r)
	if err != nil {
		return nil, err
	}
	if r.Codec == format.Zstd {
		r.checkWindows(f)
	}
	idx, err := format.ReadIndex(f, r.Size, r.Codec)
	if err != nil && !errors.Is(err, format.ErrNoIndex) {
		r.problem("%v", err)
	}
	if idx != nil {
		r.checkIndexTail(f, idx)
	}
	if err := r.checkParts(ctx, f); err != nil {
		return nil, err
	}
	beside, err := besideOf(f, o.Policy)
	if err != nil {
		return nil, err
	}
	c, err := r.readContents(ctx, f, idx, sum != "" || beside != nil, task)
	if err != nil {
		return nil, err
	}
	c.beside = beside
	if sum != "" && c.sum != sum {
		r.problem("%s says that its SHA-256 is %s, but it is %s", o.Checksums, sum, c.sum)
	}
	if c.broken != nil {
		r.problem("it cannot be read beyond byte %d of the tar, %s: %v", c.size, c.last(), c.broken)
	}
	r.checkFiles(c)
	if c.broken != nil {
		return r, nil // missing blobs may follow the damage
	}
	if idx != nil {
		r.checkEntries(c, idx)
	}
	r.checkImages(ctx, c, idx != nil, o)
	return r, nil
}

// wantedSum returns the digest of a name in a file of checksums, or "".
func wantedSum(checksums, name string, r *Report) (string, error) {
	if checksums == "" {
		return "", nil
	}
	f, err := regular.Open(checksums)
	if err != nil {
		return "", fmt.Errorf("reading checksums: %w", err)
	}
	defer f.Close()
	text, err := sniff.Text(f)
	if err != nil {
		return "", fmt.Errorf("reading checksums %s: %w", checksums, err)
	}
	var found []string
	lines := bufio.NewScanner(text)
	for line := 1; lines.Scan(); line++ {
		sum, file, ok := strings.Cut(lines.Text(), " ")
		// The second separator is a space for text files and an asterisk for binary ones.
		if !ok || len(file) < 2 || file[1:] != name {
			continue
		}
		if raw, err := hex.DecodeString(sum); err != nil || len(raw) != sha256.Size {
			return "", fmt.Errorf("%s:%d: %q is not a SHA-256", checksums, line, sum)
		}
		found = append(found, strings.ToLower(sum))
	}
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("reading checksums %s: %w", checksums, err)
	}
	switch found = slices.Compact(found); len(found) {
	case 0:
		r.problem("%s has no line for %s", checksums, name)
		return "", nil
	case 1:
		return found[0], nil
	}
	r.problem("%s has several lines for %s, and they differ", checksums, name)
	return "", nil
}
