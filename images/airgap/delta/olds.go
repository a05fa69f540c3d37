package delta

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/images/airgap/delta/match"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/progress"
)

// maxOlds is the maximum number of files that a delta is made for.
const maxOlds = 100

// oldIDs identify the files that are joined to OLD, in order. In JSON, a single one is an object, and several are a list.
type oldIDs []FileID

func (ids oldIDs) MarshalJSON() ([]byte, error) {
	if len(ids) == 1 {
		return json.Marshal(ids[0])
	}
	return json.Marshal([]FileID(ids))
}

// UnmarshalJSON refuses unknown keys, as the decoder of the recipe does. delta.check limits the number of files.
func (ids *oldIDs) UnmarshalJSON(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if !bytes.HasPrefix(raw, []byte("[")) {
		*ids = make(oldIDs, 1)
		return dec.Decode(&(*ids)[0])
	}
	err := dec.Decode((*[]FileID)(ids))
	if err == nil && (len(*ids) < 2 || len(*ids) > maxLayers) {
		err = fmt.Errorf("a list of %d old files; want 2 to %d", len(*ids), maxLayers)
	}
	return err
}

// size returns the size of OLD, in bytes.
func (ids oldIDs) size() (n int64) {
	for _, id := range ids {
		n += id.Size
	}
	return n
}

// names returns the names of the files, for messages.
func (ids oldIDs) names() string {
	var quoted []string
	for _, id := range ids {
		quoted = append(quoted, fmt.Sprintf("%q", id.Name))
	}
	return strings.Join(quoted, ", ")
}

// check returns an error for what no file has.
func (ids oldIDs) check() error {
	left := int64(math.MaxInt64)
	for _, id := range ids {
		if err := id.check(left); err != nil {
			return err
		}
		left -= id.Size
	}
	if len(ids) == 0 {
		return errors.New("invalid recipe: it names no old file")
	}
	return nil
}

// distinct returns an error if two of the files are the same.
func (ids oldIDs) distinct() error {
	for i, id := range ids {
		if j := slices.IndexFunc(ids[:i], id.same); j >= 0 {
			return fmt.Errorf("%q and %q have the same content; name one of them", ids[j].Name, id.Name)
		}
	}
	return nil
}

// An oldFile is OLD: the joined files for which a delta is made.
type oldFile struct {
	pieces
	files []*format.File
	// For layers, ids identify them, and layers is the temporary file that has them.
	ids    oldIDs
	layers *scratch
}

// openOld opens files and joins them.
func openOld(ctx context.Context, paths []string) (*oldFile, error) {
	if len(paths) > maxOlds {
		return nil, fmt.Errorf("%d old files; a delta has at most %d", len(paths), maxOlds)
	}
	var files []*format.File
	for _, path := range paths {
		f, err := openNamed(ctx, path)
		if err != nil {
			join(files).Close()
			return nil, err
		}
		files = append(files, f)
	}
	return join(files), nil
}

func join(files []*format.File) *oldFile {
	o := &oldFile{files: files}
	for _, f := range files {
		o.add(f, 0, f.Size())
	}
	return o
}

// Size returns the size of all files together, in bytes.
func (o *oldFile) Size() int64 { return o.size }

// Err returns the first error of reading a file other than its end, or nil.
func (o *oldFile) Err() (err error) {
	for _, f := range o.files {
		err = cmp.Or(err, f.Err())
	}
	return err
}

func (o *oldFile) Close() error {
	var errs []error
	for _, f := range o.files {
		errs = append(errs, f.Close())
	}
	if o.layers != nil {
		o.layers.close()
	}
	return errors.Join(errs...)
}

// String returns the paths of the files.
func (o *oldFile) String() string {
	var paths []string
	for _, f := range o.files {
		paths = append(paths, f.Name)
	}
	if o.isLayers() {
		return fmt.Sprintf("%d layers of old images", len(paths))
	}
	return strings.Join(paths, ", ")
}

// matched returns OLD as a file to match.
func (o *oldFile) matched() match.File {
	m := match.File{ReaderAt: o, Name: o.String(), Size: o.size, Err: o.Err}
	var begin int64
	for _, f := range o.files {
		for _, end := range frameEnds(f) {
			m.Ends = append(m.Ends, begin+end)
		}
		begin += f.Size()
		m.Ends = append(m.Ends, begin)
	}
	return m
}

// read reads the files, and returns their chunks and what identifies them.
func (o *oldFile) read(ctx context.Context, task *progress.Task) (*match.Chunks, oldIDs, error) {
	chunks := match.Of(o.matched())
	var ids oldIDs
	var end int64
	for _, f := range o.files {
		end += f.Size()
		sum := sha256.New()
		if err := chunks.Read(ctx, end, io.MultiWriter(sum, task)); err != nil {
			return nil, nil, fmt.Errorf("reading %s: %w", f.Name, err)
		}
		ids = append(ids, FileID{format.Base(f.Name), f.Size(), hex.EncodeToString(sum.Sum(nil))})
	}
	if o.isLayers() {
		return chunks, o.ids, nil
	}
	return chunks, ids, ids.distinct()
}

// layout returns the layout of the archives of a codec among the files, as if they were one archive.
func (o *oldFile) layout(ctx context.Context, codec format.Codec) *layout {
	if o.isLayers() {
		return o.layerLayout(codec)
	}
	joined := &layout{codec: codec}
	var begin, tarBegin int64
	for _, f := range o.files {
		if l := layoutOf(ctx, f); l != nil && l.codec == codec {
			end := tarBegin
			for _, frame := range l.frames {
				frame.Offset += begin
				frame.TarOffset += tarBegin
				joined.frames = append(joined.frames, frame)
				end = frame.TarOffset + frame.TarSize
			}
			for _, e := range l.entries {
				e.Offset += tarBegin
				joined.entries = append(joined.entries, e)
			}
			tarBegin = end
		}
		begin += f.Size()
	}
	return joined
}

// openOld opens what is given, and returns it, and OLD, which consists of files of it. The caller closes given. Layers are
// copied to a temporary file beside final.
func (d *delta) openOld(ctx context.Context, olds Olds, final string, task *progress.Task) (given, old *oldFile, err error) {
	task.SetTotal(d.Old.size() + d.New.Size)
	switch {
	case d.layers && olds.Layers == nil:
		return nil, nil, fmt.Errorf("it was made for layers of the images %s, and none were given", d.Old.imageNames())
	case d.layers:
		old, err = openLayers(ctx, olds.Layers, d.Old, final, task)
		return old, old, err
	case olds.Layers != nil && len(olds.Files) == 0:
		return nil, nil, fmt.Errorf("it was made for the archives %s, and needs these files; diff --layers makes a delta for the layers of old images, wherever they are", d.Old.names())
	}
	if given, err = openOld(ctx, olds.Files); err != nil {
		return nil, nil, err
	}
	if old, err = d.arrange(ctx, given.files, task); err != nil {
		given.Close()
	}
	return given, old, err
}

// arrange returns the files of given that the delta was made for, joined as the recipe says. Their order is free, and files
// that are not needed do no harm.
func (d *delta) arrange(ctx context.Context, given []*format.File, task *progress.Task) (*oldFile, error) {
	ids := make([]FileID, len(given))
	for i, f := range given {
		ids[i] = FileID{Name: f.Name, Size: f.Size()}
		// Files of another size are not read.
		if id := ids[i]; id.Size == d.New.Size || slices.ContainsFunc(d.Old, func(old FileID) bool { return old.Size == id.Size }) {
			read, err := fileID(ctx, f, task)
			if err != nil {
				return nil, err
			}
			ids[i].SHA256 = read.SHA256
		}
		if ids[i].same(d.New) && !slices.ContainsFunc(d.Old, d.New.same) {
			return nil, fmt.Errorf("%s is already %q, which the delta makes; nothing to do", f.Name, d.New.Name)
		}
	}
	var files []*format.File
	var errs []error
	for _, old := range d.Old {
		if i := slices.IndexFunc(ids, old.same); i >= 0 {
			files = append(files, given[i])
		} else {
			errs = append(errs, d.missing(old, ids))
		}
	}
	return join(files), errors.Join(errs...)
}

// missing returns the error for a file that is not among those given. It names the one that may be meant.
func (d *delta) missing(old FileID, given []FileID) error {
	other := slices.DeleteFunc(slices.Clone(given), func(id FileID) bool { return slices.ContainsFunc(d.Old, id.same) })
	if len(other) == 0 {
		return fmt.Errorf("%q is missing, for which the delta was made, too: a file of %d bytes with the SHA-256 %s", old.Name, old.Size, old.SHA256)
	}
	like := slices.MaxFunc(other, func(a, b FileID) int { return cmp.Compare(old.likeness(a), old.likeness(b)) })
	if like.Size != old.Size {
		return fmt.Errorf("%s is not the file that the delta was made for: it has %d bytes instead of the %d of %q", like.Name, like.Size, old.Size, old.Name)
	}
	return fmt.Errorf("%s is not the file that the delta was made for, or is damaged: its SHA-256 is %s instead of the %s of %q",
		like.Name, like.SHA256, old.SHA256, old.Name)
}

// likeness returns how likely a person means the file id by the path of other.
func (id FileID) likeness(other FileID) int {
	switch {
	case other.Size == id.Size:
		return 2
	case format.Base(other.Name) == id.Name:
		return 1
	}
	return 0
}

// same reports whether both are the same content.
func (id FileID) same(other FileID) bool { return id.Size == other.Size && id.SHA256 == other.SHA256 }

// check returns an error for what no file of at most limit bytes has.
func (id FileID) check(limit int64) error {
	if id.Size < 0 || id.Size > limit || !format.IsHexDigest(id.SHA256) {
		return fmt.Errorf("invalid file in its recipe: %q of %d bytes with the SHA-256 %q", id.Name, id.Size, id.SHA256)
	}
	return nil
}
