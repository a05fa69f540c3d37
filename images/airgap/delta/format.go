package delta

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images/airgap/delta/match"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// A delta is a head, the recipe in JSON, the added bytes as one zstd frame, and the SHA-256 of
// all bytes before it. See docs/airgap-delta.md.
const (
	deltaMagic = format.DeltaMagic
	// A delta of deltaVersion has no content that is made. One of contentVersion has some, with patches before the
	// added bytes. One of oldsVersion has several files OLD, and may have such content. So may one of layersVersion, where
	// these files are the layers of images.
	deltaVersion   = 1
	contentVersion = 2
	oldsVersion    = 3
	layersVersion  = 4
	// deltaHead is the size of the head: the magic, the version and the size of the recipe,
	// both of 4 bytes, little endian.
	deltaHead = len(deltaMagic) + 4 + 4

	// maxCopies is the maximum number of runs, so that the recipe can be held in memory.
	maxCopies = 1 << 17
	// maxRecipe is the maximum size of the recipe, in bytes. maxCopies runs need less.
	maxRecipe = 12 << 20
	// maxCommas is the maximum number of commas in the recipe.
	maxCommas = 3*maxCopies + 1000

	// A delta is refused as a decompression bomb if NEW has more than 64 MiB and more than 64
	// times the bytes of OLD and the delta.
	maxGrowth      = 64
	harmlessGrowth = 64 << 20
)

// A delta is the recipe and, if it was read from a file, the added bytes.
type delta struct {
	Old oldIDs `json:"old"`
	New FileID `json:"new"`
	// Copies are the runs of NEW that are copied from OLD, in their order in NEW. All other
	// bytes of NEW are added, in their order.
	Copies []match.Run `json:"copies"`
	contentRecipe

	layers  bool              // Old are layers
	size    int64             // of the file, in bytes
	added   *io.SectionReader // compressed
	patches io.ReaderAt
}

func (d *delta) version() uint32 {
	switch {
	case d.layers:
		return layersVersion
	case len(d.Old) > 1:
		return oldsVersion
	case len(d.Made) > 0:
		return contentVersion
	}
	return deltaVersion
}

func (d *delta) result() Result {
	r := Result{Old: d.Old, New: d.New, Size: d.size, Copies: len(d.Copies)}
	for _, c := range d.Copies {
		r.Copied += c.Size
	}
	for _, m := range d.Made {
		r.Made += m.Size
	}
	r.Added = d.New.Size - r.Copied - r.Made
	return r
}

// write writes the delta to a temporary file. It reads the patches, if there are any, and the added bytes of NEW.
func (d *delta) write(ctx context.Context, temp *atomicfile.File, new *format.File) (err error) {
	f, err := temp.OpenAt(0)
	if err != nil {
		return err
	}
	return errors.Join(d.encode(ctx, f, new, new), f.Close())
}

// encode writes the delta to w. added has the bytes of new.
func (d *delta) encode(ctx context.Context, w io.Writer, new *format.File, added io.ReaderAt) error {
	recipe, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if err := checkRecipe(recipe); err != nil {
		return err
	}
	sum := sha256.New()
	summed := io.MultiWriter(w, sum)
	head := append([]byte(deltaMagic), make([]byte, 8)...)
	binary.LittleEndian.PutUint32(head[len(deltaMagic):], d.version())
	binary.LittleEndian.PutUint32(head[len(deltaMagic)+4:], uint32(len(recipe)))
	if _, err := summed.Write(append(head, recipe...)); err != nil {
		return err
	}
	if n := d.patchSize(); n > 0 {
		if _, err := io.Copy(summed, streams.WithContext(ctx, streams.Exactly(io.NewSectionReader(d.patches, 0, n), n))); err != nil {
			return err
		}
	}
	level := zstd.SpeedBetterCompression
	if codec, err := format.CodecOfFile(new, new.Size()); err == nil && codec != format.Tar {
		level = zstd.SpeedFastest // NEW is compressed already
	}
	if err := d.writeAdded(ctx, summed, added, level); err != nil {
		return err
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

// writeAdded compresses the added bytes of NEW.
func (d *delta) writeAdded(ctx context.Context, w io.Writer, new io.ReaderAt, level zstd.EncoderLevel) error {
	// A window that is larger than the content would only take memory.
	window := zstd.MinWindowSize
	for size := d.result().Added; window < format.MaxWindow && int64(window) < size; {
		window *= 2
	}
	enc, err := zstd.NewWriter(w, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
	if err != nil {
		return err
	}
	err = d.eachAdded(func(offset, size int64) error {
		_, err := io.Copy(struct{ io.Writer }{enc}, streams.WithContext(ctx, io.NewSectionReader(new, offset, size)))
		return err
	})
	return errors.Join(err, enc.Close())
}

// A run is a part of NEW that is not added: copied or made.
type run struct {
	offset, size int64
	copied       *match.Run
	made         *madeRun
}

// runs returns all runs in their order, and one without bytes at the end of NEW.
func (d *delta) runs() []run {
	all := make([]run, 0, len(d.Copies)+len(d.Made)+1)
	for i := range d.Copies {
		all = append(all, run{offset: d.Copies[i].New, size: d.Copies[i].Size, copied: &d.Copies[i]})
	}
	for i := range d.Made {
		all = append(all, run{offset: d.Made[i].New, size: d.Made[i].Size, made: &d.Made[i]})
	}
	slices.SortStableFunc(all, func(a, b run) int { return cmp.Compare(a.offset, b.offset) })
	return append(all, run{offset: d.New.Size})
}

// eachAdded calls do for each part of NEW that is added, in order.
func (d *delta) eachAdded(do func(offset, size int64) error) error {
	var done int64
	for _, r := range d.runs() {
		if r.offset > done {
			if err := do(done, r.offset-done); err != nil {
				return err
			}
		}
		done = r.offset + r.size
	}
	return nil
}

// readDelta reads a delta of size bytes. It verifies the SHA-256, and that the recipe is valid.
func readDelta(ctx context.Context, r io.ReaderAt, size int64) (*delta, error) {
	head := make([]byte, deltaHead)
	if size < int64(deltaHead+sha256.Size) || !format.ReadFullAt(r, head, 0) || !bytes.HasPrefix(head, []byte(deltaMagic)) {
		return nil, errors.New("not a delta, or cut off")
	}
	version := binary.LittleEndian.Uint32(head[len(deltaMagic):])
	if version < deltaVersion || version > layersVersion {
		return nil, fmt.Errorf("it is a delta of version %d, and this program reads versions %d to %d; apply it with the Slipway that made it, or a newer one",
			version, deltaVersion, layersVersion)
	}
	end := size - sha256.Size
	sum := sha256.New()
	if _, err := io.Copy(sum, streams.WithContext(ctx, io.NewSectionReader(r, 0, end))); err != nil {
		return nil, err
	}
	want := make([]byte, sha256.Size)
	if !format.ReadFullAt(r, want, end) {
		return nil, io.ErrUnexpectedEOF
	}
	if got := sum.Sum(nil); !bytes.Equal(got, want) {
		return nil, fmt.Errorf("it is damaged or cut off: its SHA-256 is %x, but it ends in %x", got, want)
	}
	length := int64(binary.LittleEndian.Uint32(head[len(deltaMagic)+4:]))
	if length > maxRecipe || length > end-int64(deltaHead) {
		return nil, fmt.Errorf("its recipe claims %d bytes; %d are left in the file, and at most %d are read", length, end-int64(deltaHead), maxRecipe)
	}
	raw := make([]byte, length)
	if !format.ReadFullAt(r, raw, int64(deltaHead)) {
		return nil, io.ErrUnexpectedEOF
	}
	if err := checkRecipe(raw); err != nil {
		return nil, err
	}
	d := &delta{size: size, layers: version == layersVersion}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(d); err != nil {
		return nil, fmt.Errorf("reading its recipe: %w", err)
	}
	if dec.InputOffset() != length {
		return nil, errors.New("reading its recipe: unexpected data after the JSON")
	}
	if d.version() != version {
		return nil, fmt.Errorf("it is a delta of version %d with a recipe of version %d", version, d.version())
	}
	begin := int64(deltaHead) + length
	if err := d.check(end - begin); err != nil {
		return nil, err
	}
	patches := d.patchSize()
	d.patches = io.NewSectionReader(r, begin, patches)
	d.added = io.NewSectionReader(r, begin+patches, end-begin-patches)
	return d, nil
}

// checkRecipe returns an error if the JSON of a recipe is larger than what is read.
func checkRecipe(raw []byte) error {
	if len(raw) > maxRecipe {
		return fmt.Errorf("its recipe has %d bytes; at most %d are read", len(raw), maxRecipe)
	}
	// A run has three commas. Count them before too many runs are decoded into memory.
	if n := bytes.Count(raw, []byte(",")); n > maxCommas {
		return fmt.Errorf("its recipe has over %d runs; at most %d are read", n/3, maxCopies)
	}
	return nil
}

// check returns an error if the recipe is invalid or a decompression bomb. rest is the number of bytes between the
// recipe and the SHA-256.
func (d *delta) check(rest int64) error {
	if err := errors.Join(d.Old.check(), d.New.check(math.MaxInt64)); err != nil {
		return err
	}
	if !d.layers && len(d.Old) > maxOlds {
		return fmt.Errorf("invalid recipe: a list of %d old files; want 2 to %d", len(d.Old), maxOlds)
	}
	if d.layers && d.Codec != "" {
		return errors.New("invalid recipe: layers have no codec")
	}
	oldSize := d.Old.size()
	if len(d.Copies) > maxCopies {
		return fmt.Errorf("its recipe has %d runs; at most %d are read", len(d.Copies), maxCopies)
	}
	var done int64
	for i, c := range d.Copies {
		if c.Size <= 0 || c.Old < 0 || c.Size > oldSize-c.Old || c.New < done || c.Size > d.New.Size-c.New {
			return fmt.Errorf("run %d of its recipe, %d bytes from byte %d to byte %d, is outside the files or over the run before it", i, c.Size, c.Old, c.New)
		}
		done = c.New + c.Size
	}
	if err := growth(d.New.Size, oldSize+d.size); err != nil {
		return err
	}
	return d.checkContent(d, rest)
}

// growth returns an error if it looks like an attack to make size bytes of from bytes.
func growth(size, from int64) error {
	if size > harmlessGrowth && size/maxGrowth > from {
		return fmt.Errorf("%d bytes would be made of %d: more than the limit of %d times as many", size, from, maxGrowth)
	}
	return nil
}

// rebuild writes NEW and verifies its SHA-256: the runs that are copied to copies, and all other bytes to w. made has the
// content of what is made.
func (d *delta) rebuild(ctx context.Context, old, made io.ReaderAt, w, copies io.Writer, task *progress.Task) error {
	added, err := format.Zstd.Decompress(d.added)
	if err != nil {
		return fmt.Errorf("decompressing the added bytes: %w", err)
	}
	defer added.Close()
	sum := sha256.New()
	out, copied := struct{ io.Writer }{io.MultiWriter(w, sum)}, struct{ io.Writer }{io.MultiWriter(copies, sum)}
	buf := make([]byte, 1<<20)
	var encoder runEncoder
	var done int64
	for _, r := range d.runs() {
		if _, err := io.CopyBuffer(out, task.Reader(streams.WithContext(ctx, streams.Exactly(added, r.offset-done))), buf); err != nil {
			return fmt.Errorf("decompressing the added bytes: %w", err)
		}
		switch {
		case r.copied != nil:
			run := streams.Exactly(io.NewSectionReader(old, r.copied.Old, r.size), r.size)
			if _, err := io.CopyBuffer(copied, task.Reader(streams.WithContext(ctx, run)), buf); err != nil {
				return fmt.Errorf("copying from %s: %w", d.Old.names(), err)
			}
		case r.made != nil:
			if err := encoder.write(ctx, out, made, d.encoder(*r.made), *r.made, buf); err != nil {
				return fmt.Errorf("making bytes %d to %d again: %w", r.offset, r.offset+r.size, err)
			}
			task.Add(int(r.size))
		}
		done = r.offset + r.size
	}
	if n, err := io.CopyN(io.Discard, added, 1); err != io.EOF {
		if err == nil {
			err = fmt.Errorf("more than %d bytes", d.result().Added+n-1)
		}
		return fmt.Errorf("decompressing the added bytes: %w", err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != d.New.SHA256 {
		return fmt.Errorf("the result has the SHA-256 %s instead of the %s of %q", got, d.New.SHA256, d.New.Name)
	}
	return nil
}
