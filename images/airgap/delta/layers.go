package delta

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// maxLayers is the maximum number of layers that a delta is made for.
const maxLayers = 1 << 15

// Olds are what a delta is made for, and what it is applied to.
type Olds struct {
	// Files are the paths of archives, or of other files.
	Files []string
	// Layers has the layers of the old images. If it is set, a delta is made for these, and Files are not read. A delta
	// that was made for layers needs it, and one for files needs Files.
	Layers LayerSource
}

// A LayerSource has layers of old images, such as those of a registry. It calls take with the content of each of the
// wanted layers that it has, and the Name and SHA256 of the layer. Without any that are wanted, it does so for all that it
// has, in an order that depends only on them. It returns the error of take.
type LayerSource func(ctx context.Context, wanted []FileID, take func(layer FileID, content io.Reader) error) error

// A storedLayer is the content of a layer, in a temporary file.
type storedLayer struct {
	*io.SectionReader
	id FileID
}

func (l storedLayer) Name() string {
	return fmt.Sprintf("layer sha256:%s of %s", l.id.SHA256, l.id.Name)
}

func (l storedLayer) SHA256() string { return l.id.SHA256 }

func (l storedLayer) Close() error { return nil }

// A layerReader copies layers to a temporary file.
type layerReader struct {
	ctx    context.Context // of one call of openLayers
	to     *scratch
	size   int64             // of the temporary file
	wanted map[string]FileID // by SHA-256; nil if all layers are
	read   map[string]storedLayer
	order  []string
	task   *progress.Task
}

// openLayers returns the wanted layers of a source, joined in their order, or all of them. They are copied to a temporary
// file beside final, and their SHA-256 is checked.
func openLayers(ctx context.Context, source LayerSource, wanted oldIDs, final string, task *progress.Task) (_ *oldFile, err error) {
	r := &layerReader{ctx: ctx, read: map[string]storedLayer{}, task: task}
	if wanted != nil {
		r.wanted = map[string]FileID{}
		for _, id := range wanted {
			r.wanted[id.SHA256] = id
			r.order = append(r.order, id.SHA256)
		}
	}
	if r.to, err = newScratch(final); err != nil {
		return nil, err
	}
	old := &oldFile{ids: oldIDs{}, layers: r.to}
	defer func() {
		if err != nil {
			old.Close()
		}
	}()
	if err := source(ctx, wanted, r.take); err != nil {
		return nil, err
	}
	if err := r.missing(wanted); err != nil {
		return nil, err
	}
	if len(r.order) > maxLayers {
		return nil, fmt.Errorf("the old images have %d layers; a delta is for at most %d", len(r.order), maxLayers)
	}
	for _, sum := range r.order {
		old.addLayer(r.read[sum])
	}
	return old, nil
}

// take copies a layer, unless it is there.
func (r *layerReader) take(id FileID, content io.Reader) error {
	if _, there := r.read[id.SHA256]; there {
		return nil
	}
	content = streams.WithContext(r.ctx, content)
	if r.wanted != nil {
		want, ok := r.wanted[id.SHA256]
		if !ok {
			return nil
		}
		// What does not end there has another SHA-256.
		id.Name, content = want.Name, io.LimitReader(content, want.Size+1)
	} else {
		r.order = append(r.order, id.SHA256)
	}
	w, err := r.to.temp.OpenAt(r.size)
	if err != nil {
		return err
	}
	sum := sha256.New()
	id.Size, err = io.Copy(io.MultiWriter(w, sum, r.task), content)
	if err := errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("reading layer sha256:%s of %s: %w", id.SHA256, id.Name, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != id.SHA256 {
		return fmt.Errorf("layer sha256:%s of %s is damaged: its content has the SHA-256 %s", id.SHA256, id.Name, got)
	}
	r.read[id.SHA256] = storedLayer{io.NewSectionReader(r.to.r, r.size, id.Size), id}
	r.size += id.Size
	return nil
}

// missing returns an error if a wanted layer was not found, or has another size than the delta says.
func (r *layerReader) missing(wanted oldIDs) error {
	var errs []error
	for _, id := range wanted {
		switch got, ok := r.read[id.SHA256]; {
		case !ok:
			errs = append(errs, fmt.Errorf("layer sha256:%s of %s is missing", id.SHA256, id.Name))
		case got.id.Size != id.Size:
			errs = append(errs, fmt.Errorf("invalid recipe: layer sha256:%s has %d bytes instead of %d", id.SHA256, got.id.Size, id.Size))
		}
	}
	const most = 5
	if n := len(errs) - most; n > 0 {
		errs = append(errs[:most], fmt.Errorf("%d more layers are missing", n))
	}
	return errors.Join(errs...)
}

// addLayer joins a layer.
func (o *oldFile) addLayer(l storedLayer) {
	f := format.OpenVirtual(l, "")
	o.files, o.ids = append(o.files, f), append(o.ids, l.id)
	o.add(f, 0, f.Size())
}

// isLayers reports whether OLD is layers.
func (o *oldFile) isLayers() bool { return o.ids != nil }

// layerLayout returns the layout of layers, as if each of them was a frame that is not compressed.
func (o *oldFile) layerLayout(codec format.Codec) *layout {
	joined := &layout{codec: codec}
	var begin int64
	for _, id := range o.ids {
		joined.frames = append(joined.frames, format.Span{Offset: begin, Size: id.Size, TarOffset: begin, TarSize: id.Size})
		joined.entries = append(joined.entries, format.Entry{Name: id.SHA256, Offset: begin, Size: id.Size})
		begin += id.Size
	}
	return joined
}

// imageNames returns the names of the images that have the layers.
func (ids oldIDs) imageNames() string {
	var names []string
	for _, id := range ids {
		if !slices.Contains(names, id.Name) {
			names = append(names, id.Name)
		}
	}
	return strings.Join(names, ", ")
}

// needed drops the layers that the recipe does not need from OLD, and returns what is left of it.
func (d *delta) needed(old *oldFile) (*oldFile, error) {
	if !old.isLayers() {
		return old, nil
	}
	d.dropSources()
	var sizes []int64
	for _, id := range d.Old {
		sizes = append(sizes, id.Size)
	}
	k := newKept(sizes)
	for _, c := range d.Copies {
		k.use(c.Old, c.Size)
	}
	for _, s := range d.Sources {
		k.use(s.Old, s.Size)
	}
	left := &oldFile{ids: oldIDs{}}
	var files []*format.File
	for i, id := range d.Old {
		if k.used[i] {
			left.ids, files = append(left.ids, id), append(files, old.files[i])
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%q has nothing in common with the layers of the old images, so that a delta would be as large as it is", d.New.Name)
	}
	for _, f := range files {
		left.add(f, 0, f.Size())
	}
	left.files, d.Old = files, left.ids
	d.Copies, d.Sources = slices.Clone(d.Copies), slices.Clone(d.Sources)
	for i := range d.Copies {
		d.Copies[i].Old = k.offset(d.Copies[i].Old)
	}
	for i := range d.Sources {
		d.Sources[i].Old = k.offset(d.Sources[i].Old)
	}
	return left, nil
}

// dropSources drops the sources that no step needs.
func (d *delta) dropSources() {
	var sizes []int64
	for _, s := range d.Sources {
		sizes = append(sizes, s.Content)
	}
	k := newKept(sizes)
	for _, s := range d.Content {
		for _, r := range s.Old {
			k.use(r.At, r.Size)
		}
	}
	var sources []source
	for i, s := range d.Sources {
		if k.used[i] {
			sources = append(sources, s)
		}
	}
	d.Sources = sources
	d.Content = slices.Clone(d.Content)
	for i, s := range d.Content {
		d.Content[i].Old = slices.Clone(s.Old)
		for j, r := range s.Old {
			d.Content[i].Old[j].At = k.offset(r.At)
		}
	}
}

// A kept says which of several joined parts are used, and where bytes of these are once the others are dropped.
type kept struct {
	begins []int64 // of the parts, and their end
	used   []bool
	// dropped has, for each part, the size of the parts before it that are not used. The first call of offset sets it.
	dropped []int64
}

func newKept(sizes []int64) *kept {
	k := &kept{begins: []int64{0}, used: make([]bool, len(sizes))}
	for i, size := range sizes {
		k.begins = append(k.begins, k.begins[i]+size)
	}
	return k
}

// part returns the number of the part with an offset.
func (k *kept) part(offset int64) int {
	i, _ := slices.BinarySearch(k.begins, offset+1)
	return i - 1
}

// use marks the parts that have the bytes from offset on.
func (k *kept) use(offset, size int64) {
	for i := k.part(offset); i < len(k.used) && k.begins[i] < offset+size; i++ {
		k.used[i] = true
	}
}

// offset returns where a byte of a part that is used is in all used parts.
func (k *kept) offset(offset int64) int64 {
	if k.dropped == nil {
		k.dropped = make([]int64, len(k.used)+1)
		for i, used := range k.used {
			k.dropped[i+1] = k.dropped[i]
			if !used {
				k.dropped[i+1] += k.begins[i+1] - k.begins[i]
			}
		}
	}
	return offset - k.dropped[k.part(offset)]
}
