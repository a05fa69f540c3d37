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
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/progress"
)

// Options say what an archive should be, besides whole.
type Options struct {
	// List are images that must be in the archive.
	List []images.ListEntry
	// Checksums is the path of a file as sha256sum writes it, which must have a
	// line with the archive's name and digest. Empty means that there is none.
	Checksums string
	// Platform is what every image must be for, by images.SelectPlatform; nil is
	// any.
	Platform *v1.Platform
}

// A Report is what Verify found.
type Report struct {
	Path  string       `json:"path"`
	Codec format.Codec `json:"codec"`
	Size  int64        `json:"size"` // of the file, in bytes
	// Images and Layers count what is in the archive, each once.
	Images int `json:"images"`
	Layers int `json:"layers"`
	// Problems are what is wrong: content that is damaged or missing, and what
	// some reader takes otherwise than another one. Without them the archive is
	// good.
	Problems []string `json:"problems"`
	// Notes are what is worth knowing of archives that other programs wrote.
	Notes []string `json:"notes"`
}

func (r *Report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Archive reads an archive to its last byte, once, and reports all that is wrong:
//
//   - bytes that do not have the digest of their name, sizes that are not those of
//     the descriptors, layers without the diff ID of their config, blobs that are
//     missing, checksums that do not hold;
//   - what nodes refuse: JSON over 20 MiB, zstd windows over MaxWindow, layers that
//     manifest.json cannot describe;
//   - what readers differ in: files or names that are there twice, names without a
//     tag, a manifest.json and an index.json that say different things, several
//     Windows versions, Windows images without os.version, LayerSources;
//   - an index of offsets that is wrong, and, in an archive that has one, files in
//     an order that makes nodes read far.
//
// When the archive cannot be read to its end, the report says where that is, and
// nothing of what lies behind it. The error is for what keeps Verify from its work:
// a file that cannot be opened, checksums that cannot be read, a context that ended.
func Archive(ctx context.Context, path string, o Options) (_ *Report, err error) {
	task := progress.Start(ctx, "verify "+filepath.Base(path))
	defer func() { task.Done(err) }()
	f, err := format.OpenFile(path)
	if err != nil {
		return nil, fmt.Errorf("verifying archive %s: %w", path, fileop.WithoutPath(err))
	}
	defer f.Close()
	r, err := verify(ctx, f, o, task)
	if err != nil {
		return nil, fmt.Errorf("verifying archive %s: %w", path, fileop.WithoutPath(err))
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
	sum, err := wantedSum(o.Checksums, filepath.Base(f.Name), r)
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
	c, err := r.readContents(ctx, f, idx, sum != "", task)
	if err != nil {
		return nil, err
	}
	if sum != "" && c.sum != sum {
		r.problem("%s says that its SHA-256 is %s, but it is %s", o.Checksums, sum, c.sum)
	}
	if c.broken != nil {
		r.problem("it cannot be read beyond byte %d of the tar, %s: %v", c.size, c.last(), c.broken)
	}
	r.checkFiles(c)
	if c.broken != nil {
		return r, nil // what is missing is behind the damage
	}
	if idx != nil {
		r.checkEntries(c, idx)
	}
	r.checkImages(c, idx != nil, o)
	return r, nil
}

// wantedSum is the digest that a file of checksums has for a name.
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
		// The second character is a space for text and an asterisk for binary.
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
