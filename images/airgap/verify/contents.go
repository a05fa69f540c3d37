package verify

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// contents are the files of an archive, as one pass over the archive found them.
type contents struct {
	files  []*content
	byName map[string]*content // the first file with each name
	sum    string              // SHA-256 of the archive, if it is needed
	// broken is the error that ended the pass, after size bytes of the tar.
	broken error
	size   int64
	// end is the end of the last file in the tar, with its padding.
	end int64
	// tail is the number of bytes after the end of the tar that are not zero.
	tail int64
	// noEnd is set if the end of the tar is missing, see format.ErrNoEnd.
	noEnd bool
	json  *atomic.Int64 // size of all JSON that is kept, in bytes
	// unread are the names of SBOMs in the proof, which are not kept. An archive may have more of them than memory.
	unread map[string]bool
	// beside is the signature beside the archive, or nil.
	beside *proof.FileSignature
}

// A content is a file of the archive.
type content struct {
	format.Entry
	typeflag    byte
	link        string // the clean name that a link leads to
	rawName     string
	digest      string // SHA-256 in hex
	compression sniff.Compression
	// diffID is the SHA-256 of the decompressed content. diffErr is set if it cannot be decompressed.
	diffID  string
	diffErr error
	// json is the content of a JSON file, unless it is larger than format.JSONLimit.
	json []byte
}

// maxJSON is the largest size of all JSON in an archive, in bytes. It bounds memory.
const maxJSON = 512 << 20

// get returns the file with a name, and follows links.
func (c *contents) get(name string) *content {
	name = format.CleanName(name)
	for range 10 {
		f := c.byName[name]
		if f == nil || f.link == "" {
			return f
		}
		name = f.link
	}
	return nil
}

// last returns the name of the file at which the pass ended.
func (c *contents) last() string {
	if len(c.files) == 0 {
		return "at its beginning"
	}
	return "in or after file " + c.files[len(c.files)-1].Name
}

// newContents returns contents without files.
func newContents() *contents {
	return &contents{byName: map[string]*content{}, json: &atomic.Int64{}}
}

// add appends a file.
func (c *contents) add(f *content) error {
	if len(c.files) >= format.MaxEntries {
		return fmt.Errorf("more than %d files: not an archive of images", format.MaxEntries)
	}
	c.files = append(c.files, f)
	if c.byName[f.Name] == nil {
		c.byName[f.Name] = f
	}
	return nil
}

// A tarSource is a tar that is being read.
type tarSource interface {
	io.Reader
	// Offset returns how far it was read.
	Offset() int64
}

// readTar reads a tar and the bytes after its end. It calls read for each file.
func (c *contents) readTar(r tarSource, read func(file *content, h *tar.Header, body io.Reader) error) error {
	c.end = r.Offset()
	defer func() { c.size = r.Offset() }()
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return streams.NoEOF(err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue // tar.Reader applies it to the headers that follow
		}
		file := &content{Entry: format.Entry{Name: format.CleanName(h.Name), Offset: r.Offset(), Size: h.Size}, rawName: h.Name, typeflag: h.Typeflag}
		switch h.Typeflag {
		case tar.TypeSymlink:
			file.link = format.LinkTarget(file.Name, h.Linkname)
		case tar.TypeLink:
			file.link = format.CleanName(h.Linkname)
		}
		if err := c.add(file); err != nil {
			return err
		}
		if err := read(file, h, t); err != nil {
			return streams.NoEOF(err)
		}
		c.end = file.Offset + format.BodySize(h)
	}
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		c.tail += int64(n - bytes.Count(buf[:n], []byte{0}))
		if err == io.EOF {
			break
		}
		if err != nil {
			return streams.NoEOF(err)
		}
	}
	c.noEnd = r.Offset() < c.end+format.TarEnd
	return nil
}

// differs reports whether the content of a file differs from that of the first file with its name.
func (c *contents) differs(f *content) bool {
	first := c.byName[f.Name]
	return first != f && f.typeflag != tar.TypeDir && (first.digest != f.digest || first.link != f.link)
}

// readFile reads a file at its place in the tar.
func (c *contents) readFile(file *content, _ *tar.Header, r io.Reader) error {
	return c.readAs(file, r, c.how(file))
}

func (c *contents) readAs(file *content, r io.Reader, how reading) error {
	if err := file.read(r, how); err != nil {
		return err
	}
	if file.Name == proof.StatementFile && file.json != nil {
		c.unread = proof.SBOMs(file.json)
	}
	return nil
}

// how returns how a file is read.
func (c *contents) how(file *content) reading {
	return reading{json: c.json, drop: c.unread[file.Name]}
}

// A reading says how a file is read.
type reading struct {
	// json is the size of all JSON that is kept, in bytes. JSON is not kept if drop is set.
	json *atomic.Int64
	drop bool
	// parallel is set if other files are read at the same time.
	parallel bool
	// ahead is set to decompress in another goroutine than the one that computes the digest of the result.
	ahead bool
}

// copyBuffer is the number of bytes that are read at a time.
const copyBuffer = 256 << 10

// read computes the digests of a file, and keeps the content of JSON files.
func (f *content) read(r io.Reader, how reading) error {
	head := make([]byte, min(f.Size, sniff.HeadLen))
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	f.compression = sniff.CompressionOf(head)
	all := sha256.New()
	all.Write(head)
	switch {
	case format.MayBeJSON(head) && f.Size <= format.JSONLimit && !how.drop:
		if how.json.Add(f.Size) > maxJSON {
			return fmt.Errorf("more than %d bytes of JSON: not an archive of images", maxJSON)
		}
		kept := bytes.NewBuffer(append(make([]byte, 0, f.Size), head...))
		if _, err := io.Copy(kept, io.TeeReader(r, all)); err != nil {
			return err
		}
		f.json = kept.Bytes()
	case f.compression != sniff.None:
		if err := f.readCompressed(io.MultiReader(bytes.NewReader(head), io.TeeReader(r, all)), how); err != nil {
			return err
		}
	default:
		if _, err := io.CopyBuffer(all, struct{ io.Reader }{r}, make([]byte, min(max(f.Size, 1), copyBuffer))); err != nil {
			return err
		}
	}
	f.digest = hex.EncodeToString(all.Sum(nil))
	if f.compression == sniff.None {
		f.diffID = f.digest
	}
	return nil
}

// readCompressed computes the diff ID of a file. It always reads the file to its end: content that cannot be
// decompressed is not an error of reading the archive.
func (f *content) readCompressed(r io.Reader, how reading) error {
	diff := sha256.New()
	failed := &stickyReader{r: r}
	options := sniff.LowMemory()
	if how.parallel {
		options = append(options, zstd.WithDecoderMaxWindow(parallelWindow))
	}
	content, err := f.compression.NewReader(failed, options...)
	if err == nil {
		if how.ahead {
			content = streams.ReadAhead(content)
		}
		_, err = io.CopyBuffer(diff, struct{ io.Reader }{content}, make([]byte, copyBuffer))
		content.Close()
	}
	if how.parallel && errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return err
	}
	if _, rest := io.Copy(io.Discard, failed); rest != nil {
		return rest
	}
	if f.diffErr = err; err == nil {
		f.diffID = hex.EncodeToString(diff.Sum(nil))
	}
	return nil
}

// A stickyReader repeats its first error, so that an error of reading the archive can be told from one of the
// decompressor.
type stickyReader struct {
	r   io.Reader
	err error
}

func (s *stickyReader) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	s.err = err
	return n, err
}

// damaged reports whether the digest of a file differs from the one in its name.
func (f *content) damaged() bool {
	want := digestOf(f.Name)
	return want != "" && f.digest != "" && want != f.digest
}

// digestOf returns the SHA-256 in the name of a file, or "": in an OCI layout blobs/sha256/<hex>, and in archives
// of Docker and crane <hex>.json, <hex>.tar.gz or sha256:<hex>.
func digestOf(name string) string {
	if hex, ok := strings.CutPrefix(name, format.BlobFolder); ok {
		return hex
	}
	if hex := proof.ItemDigest(name); hex != "" {
		return hex
	}
	if strings.Contains(name, "/") {
		return ""
	}
	hex, _, _ := strings.Cut(strings.TrimPrefix(name, "sha256:"), ".")
	if format.IsHexDigest(hex) {
		return hex
	}
	return ""
}
