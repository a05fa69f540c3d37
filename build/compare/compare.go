package compare

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// A Difference says how a member of a pair differs.
type Difference struct {
	// Path leads to the member, from the name of the artifact: the names of members within members.
	Path []string `json:"path"`
	// What says how it differs.
	What string `json:"what"`
}

func (d Difference) String() string { return strings.Join(d.Path, " > ") + ": " + d.What }

// A Clue is a value of the surroundings that was different when the second artifact of a pair was made.
type Clue struct {
	// What is a noun, such as "the name of the host".
	What string
	// First and Second are the values. An empty value is unknown.
	First, Second string
}

// A Comparer compares pairs. Content that several pairs have in common, such as a binary in several images, is explained
// once. It is not safe for concurrent use.
type Comparer struct {
	clues []Clue
	// temp is a folder for members, which Close removes.
	temp string
	// known has the paths of pairs that were explained, by the digests of their contents.
	known map[string][]string
	// limit is the largest number of bytes to unpack, and spent the number of those that were unpacked.
	limit, spent int64
}

// New returns a Comparer that explains differences by clues. It unpacks at most limit bytes, in all pairs together, and
// returns an error for pairs that need more; 0 means DefaultLimit. It must be closed.
func New(clues []Clue, limit int64) (*Comparer, error) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	temp, err := os.MkdirTemp("", "slipway-compare-*")
	if err != nil {
		return nil, err
	}
	return &Comparer{clues: clues, temp: temp, known: map[string][]string{}, limit: limit}, nil
}

// Close removes the temporary files.
func (c *Comparer) Close() error { return fileop.RemoveAll(c.temp) }

const (
	// maxDepth is the maximum number of members within members. An archive, its compression, a layer, its compression
	// and a program in it are five.
	maxDepth = 12
	// maxText is the size up to which JSON is parsed, in bytes. Larger documents are compared as text.
	maxText = 32 << 20
)

// Files compares the files first and second, which are artifacts called name. Equal files have no differences.
func (c *Comparer) Files(ctx context.Context, name, first, second string) ([]Difference, error) {
	r := &run{Comparer: c, ctx: ctx}
	if err := r.files([]string{name}, first, second); err != nil {
		return nil, fmt.Errorf("comparing %s: %w", name, err)
	}
	return r.result(name), nil
}

// files compares two files by their content.
func (r *run) files(path []string, first, second string) error {
	if err := context.Cause(r.ctx); err != nil {
		return err
	}
	a, err := r.digest(first)
	if err != nil {
		return err
	}
	b, err := r.digest(second)
	if err != nil || a == b {
		return err
	}
	if earlier := r.known[a+b]; earlier != nil {
		r.say(path, "differs like %s", strings.Join(earlier, " > "))
		return nil
	}
	r.known[a+b] = append([]string(nil), path...)
	before := r.count()
	r.depth++
	defer func() { r.depth-- }()
	if r.depth <= maxDepth {
		if err := r.content(path, first, second); err != nil {
			return err
		}
	}
	if r.count() == before {
		return r.bytes(path, first, second)
	}
	return nil
}

// content compares two files by their formats. It says nothing if it finds no difference, or if the formats are unknown.
func (r *run) content(path []string, first, second string) error {
	a, err := head(first)
	if err != nil {
		return err
	}
	b, err := head(second)
	if err != nil {
		return err
	}
	kind := kindOf(a)
	if other := kindOf(b); other != kind {
		r.say(path, "the first is %s, the second %s", kind, other)
		return nil
	}
	compare := map[string]func([]string, string, string) error{
		compressed: r.compressed, tarball: r.tars, zipped: r.zips, arArchive: r.ars, rpmPackage: r.rpms,
		program: r.programs, jsonText: r.jsons, text: r.texts,
	}[kind]
	if compare == nil {
		return nil
	}
	err = compare(path, first, second)
	var damaged *damagedError
	if errors.As(err, &damaged) {
		r.say(path, "%v", damaged)
		return nil
	}
	return err
}

// A damagedError means that an artifact is not what its first bytes say.
type damagedError struct {
	which string
	err   error
}

func (e *damagedError) Error() string {
	return fmt.Sprintf("the %s cannot be read: %v", e.which, e.err)
}

// damaged blames one file of a pair for an error, unless the error is about the host, the limit or the context.
func (r *run) damaged(which string, err error) error {
	var (
		host  *os.PathError
		limit *limitError
	)
	if err == nil || errors.As(err, &host) || errors.As(err, &limit) || context.Cause(r.ctx) != nil {
		return err
	}
	return &damagedError{which, err}
}

// The kinds of files, as messages name them.
const (
	compressed = "compressed"
	tarball    = "a tar"
	zipped     = "a zip"
	arArchive  = "an ar archive"
	rpmPackage = "an rpm"
	program    = "a program"
	jsonText   = "JSON"
	text       = "text"
	other      = "other content"
)

func kindOf(head []byte) string {
	has := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case sniff.IsTar(head):
		return tarball
	case has("\xed\xab\xee\xdb"):
		return rpmPackage
	case has("PK\x03\x04"), has("PK\x05\x06"):
		return zipped
	case has("!<arch>\n"):
		return arArchive
	case has("\x7fELF"), has("MZ"), has("\xcf\xfa\xed\xfe"):
		return program
	}
	switch sniff.CompressionOf(head) {
	case sniff.None, sniff.Lz4:
	default:
		return compressed
	}
	if trimmed := bytes.TrimSpace(head); len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') {
		return jsonText
	}
	if !bytes.ContainsRune(head, 0) && len(head) > 0 {
		return text
	}
	return other
}

func head(file string) ([]byte, error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, sniff.HeadLen)
	n, err := io.ReadFull(f, buf)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return buf[:n], err
}

func (r *run) digest(file string) (string, error) {
	f, err := regular.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, streams.WithContext(r.ctx, f)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// A pair has the two temporary files of a member.
type pair struct{ dir, first, second string }

// newPair returns the names of two files that do not exist yet. They must be removed.
func (r *run) newPair() (pair, error) {
	dir, err := os.MkdirTemp(r.temp, "")
	return pair{dir, filepath.Join(dir, "first"), filepath.Join(dir, "second")}, err
}

func (p pair) remove() { _ = fileop.RemoveAll(p.dir) } // else Close removes it

// spool copies a member to a file.
func (r *run) spool(file string, member io.Reader) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(streams.WithContext(r.ctx, member), r.limit-r.spent+1))
	return errors.Join(err, r.spend(n), f.Close())
}
