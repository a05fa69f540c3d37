package verify

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// contents are the files of an archive, as one pass over the archive found them.
type contents struct {
	files  []*content
	byName map[string]*content // the first file with each name
	sum    string              // SHA-256 of the archive, if it is needed
	// broken is the error that ended the pass, after size bytes of the tar.
	broken error
	size   int64
	// tail is the number of bytes after the end of the tar that are not zero.
	tail int64
	// noEnd is set if the end of the tar is missing, see format.ErrNoEnd.
	noEnd bool
	json  int64 // size of all JSON that is kept, in bytes
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

// readContents reads an archive. If it has an index, it is read frame by frame, and each frame is compared
// with the index. If that fails, the archive is read once more, as other readers do.
func (r *Report) readContents(ctx context.Context, f io.ReaderAt, idx *format.Index, sum bool, task *progress.Task) (*contents, error) {
	var spans []format.Span
	if idx != nil {
		spans = idx.Frames
	}
	c, err := r.pass(ctx, f, spans, sum, task)
	if err != nil || c.broken == nil || idx == nil {
		return c, err
	}
	plain, err := r.pass(ctx, f, nil, sum, task)
	if err == nil && plain.broken == nil {
		r.problem("the archive's index is wrong: %v", c.broken)
	}
	return plain, err
}

func (r *Report) pass(ctx context.Context, f io.ReaderAt, spans []format.Span, sum bool, task *progress.Task) (*contents, error) {
	c := &contents{byName: map[string]*content{}}
	whole := sha256.New()
	file := streams.WithContext(ctx, task.Reader(io.NewSectionReader(f, 0, r.Size)))
	var compressed io.Reader = file
	if sum {
		compressed = io.TeeReader(file, whole)
	}
	d := &frameReader{codec: r.Codec, src: compressed, spans: spans, whole: spans == nil}
	c.broken = c.readTar(d)
	d.close() // its goroutines may still read from file
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if sum {
		// The index follows the frames; after an error, frames follow, too.
		if _, err := io.Copy(io.Discard, compressed); err != nil {
			return nil, err
		}
		c.sum = hex.EncodeToString(whole.Sum(nil))
	}
	return c, nil
}

// readTar reads a tar and the bytes after its end.
func (c *contents) readTar(r io.Reader) error {
	counted := streams.Func(func(p []byte) (int, error) {
		n, err := r.Read(p)
		c.size += int64(n)
		return n, err
	})
	t := tar.NewReader(counted)
	var end int64 // of the last file, in the tar
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
		if len(c.files) >= format.MaxEntries {
			return fmt.Errorf("more than %d files: not an archive of images", format.MaxEntries)
		}
		file := &content{Entry: format.Entry{Name: format.CleanName(h.Name), Offset: c.size, Size: h.Size}, rawName: h.Name, typeflag: h.Typeflag}
		switch h.Typeflag {
		case tar.TypeSymlink:
			file.link = format.LinkTarget(file.Name, h.Linkname)
		case tar.TypeLink:
			file.link = format.CleanName(h.Linkname)
		}
		c.files = append(c.files, file)
		if c.byName[file.Name] == nil {
			c.byName[file.Name] = file
		}
		if err := c.readFile(file, t); err != nil {
			return streams.NoEOF(err)
		}
		end = file.Offset + format.BodySize(h)
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := counted.Read(buf)
		c.tail += int64(n - bytes.Count(buf[:n], []byte{0}))
		if err == io.EOF {
			break
		}
		if err != nil {
			return streams.NoEOF(err)
		}
	}
	c.noEnd = c.size < end+format.TarEnd
	return nil
}

// differs reports whether the content of a file differs from that of the first file with its name.
func (c *contents) differs(f *content) bool {
	first := c.byName[f.Name]
	return first != f && f.typeflag != tar.TypeDir && (first.digest != f.digest || first.link != f.link)
}

// readFile computes the digests of a file, and keeps the content of JSON files.
func (c *contents) readFile(file *content, r io.Reader) error {
	head := make([]byte, min(file.Size, sniff.HeadLen))
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	file.compression = sniff.CompressionOf(head)
	all := sha256.New()
	all.Write(head)
	switch {
	case format.MayBeJSON(head) && file.Size <= format.JSONLimit && !c.unread[file.Name]:
		if c.json += file.Size; c.json > maxJSON {
			return fmt.Errorf("more than %d bytes of JSON: not an archive of images", maxJSON)
		}
		kept := bytes.NewBuffer(append(make([]byte, 0, file.Size), head...))
		if _, err := io.Copy(kept, io.TeeReader(r, all)); err != nil {
			return err
		}
		file.json = kept.Bytes()
		if file.Name == proof.StatementFile {
			c.unread = proof.SBOMs(file.json)
		}
	case file.compression != sniff.None:
		if err := file.readCompressed(io.MultiReader(bytes.NewReader(head), io.TeeReader(r, all))); err != nil {
			return err
		}
	default:
		if _, err := io.Copy(all, struct{ io.Reader }{r}); err != nil {
			return err
		}
	}
	file.digest = hex.EncodeToString(all.Sum(nil))
	if file.compression == sniff.None {
		file.diffID = file.digest
	}
	return nil
}

// readCompressed computes the diff ID of a file. It always reads the file to its end: content that cannot be
// decompressed is not an error of reading the archive.
func (f *content) readCompressed(r io.Reader) error {
	diff := sha256.New()
	failed := &stickyReader{r: r}
	content, err := f.compression.NewReader(failed, sniff.LowMemory()...)
	if err == nil {
		_, err = io.Copy(diff, content)
		content.Close()
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
