package pack

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack/arrange"
	"github.com/slipway-build/slipway/images/airgap/pack/frame"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/progress"
)

// An Image is what Pack puts into an archive.
type Image struct {
	// Names are the references under which nodes look for the image; see Tag
	// for those without a tag. There is at least one.
	Names []name.Reference
	// Image is one platform's image, never an attestation.
	Image v1.Image
	// Platform is what Image was asked for. It counts where the config states no
	// platform, see images.PlatformFor.
	Platform v1.Platform
	// Index is the index that Image is one of, if any. With original layers the
	// archive has it as it is, so that its digest can be asked for.
	Index v1.ImageIndex
	// Own images, those of the project itself, come first in the archive: they
	// are looked for first, and change with every build.
	Own bool
}

// An Output is one archive to write.
type Output struct {
	// Path ends in .tar, .tar.zst or .tar.gz, which is how it is compressed.
	Path string
	// Split is how many bytes one file may have. An archive with more is written
	// in parts called PATH.part001 and so on, which are Path when joined in order,
	// and PATH.sha256, the digests of all parts and of the whole as sha256sum
	// writes them. 0 is no limit.
	Split int64
}

// Options say how archives are written.
type Options struct {
	// Layers is "uncompressed" (or empty): layers lie in the archive as tars,
	// since gzip inside zstd gains nothing; configs and image IDs stay as they
	// are, manifests do not. Or it is "original": manifests and layers are the
	// registry's, bit for bit, for nodes that pin digests or check signatures.
	Layers string
	// Level is zstd's: fastest, default, better, or best (or empty).
	Level string
	// Jobs is how many things are done at a time; 0 is the number of cores. zstd
	// frames are compressed two at a time at most, which bounds memory.
	Jobs int
}

// A Result is an archive that Pack wrote.
type Result struct {
	Path   string
	Codec  format.Codec
	Size   int64 // in bytes, of all parts together
	Images int
	Layers int
	// Frames is how many frames hold the layers; Cached is how many of them were
	// there already.
	Frames, Cached int
	// Parts are the files that the archive lies in, in order, and Checksums is
	// the file of their digests. Without parts, Path is the archive.
	Parts     []string
	Checksums string
}

// fetches is how many images are brought into the store at a time. Registries
// bound what they are asked for by host; this is enough to keep them busy.
const fetches = 4

// Write writes one archive of images to each of outputs. All that is slow is
// done once for all of them, and remembered in content: layers are fetched,
// decompressed and compressed once, and a frame that was made for an earlier
// archive is copied. The bytes of an output depend on the images, their order and
// the options alone.
//
// Each output is written beside its path, checked and renamed, so that there is
// never half an archive.
//
// What lies in content is checked while it is read and copied. Damaged files are
// removed, and made or fetched anew, with a warning.
func Write(ctx context.Context, content *store.Store, all []Image, outputs []Output, opts Options) (made []Result, err error) {
	p, err := newPacker(content, outputs, opts)
	if err != nil {
		return nil, err
	}
	err = store.Mend(ctx, func() error {
		made, err = p.pack(ctx, all)
		return err
	})
	return made, err
}

func (p *packer) pack(ctx context.Context, all []Image) ([]Result, error) {
	packed, err := p.resolve(ctx, all)
	if err != nil {
		return nil, err
	}
	l, err := newLayout(packed)
	if err != nil {
		return nil, err
	}
	warnPins(ctx, all, packed)
	// What is compressed already has no relatives.
	if l.runs, err = arrange.Runs(ctx, p.content, unique(l.images), !p.original, p.jobs); err != nil {
		return nil, err
	}
	return p.write(ctx, l)
}

type packer struct {
	content  *store.Store
	outputs  []Output
	codecs   []format.Codec // of outputs
	original bool
	jobs     int
	level    frame.Level
}

// newPacker checks what Pack is given.
func newPacker(content *store.Store, outputs []Output, opts Options) (*packer, error) {
	p := &packer{content: content, outputs: outputs, original: opts.Layers == "original", jobs: opts.Jobs}
	if p.jobs <= 0 {
		p.jobs = runtime.GOMAXPROCS(0)
	}
	var errs []error
	if opts.Layers != "" && opts.Layers != "uncompressed" && opts.Layers != "original" {
		errs = append(errs, fmt.Errorf("layers %q: want uncompressed or original", opts.Layers))
	}
	var err error
	p.level, err = frame.ParseLevel(opts.Level)
	errs = append(errs, err)
	if len(outputs) == 0 {
		errs = append(errs, errors.New("no archive to write was named"))
	}
	seen := map[string]bool{}
	for _, out := range outputs {
		codec, err := format.OutputCodec(out.Path)
		place := fileop.Place(out.Path)
		if err == nil && seen[place] {
			err = fmt.Errorf("duplicate archive %s", out.Path)
		}
		if err == nil && out.Split < 0 {
			err = fmt.Errorf("archive %s: parts of %d bytes; want 0 for one file, or what a part may have", out.Path, out.Split)
		}
		seen[place] = true
		errs = append(errs, err)
		p.codecs = append(p.codecs, codec)
	}
	return p, errors.Join(errs...)
}

// resolve brings all images into the store, and says how they will lie in the
// archive.
func (p *packer) resolve(ctx context.Context, all []Image) ([]resolvedImage, error) {
	if len(all) == 0 {
		return nil, errors.New("no images to pack")
	}
	packed := make([]resolvedImage, len(all))
	errs := make([]error, len(all))
	var group errgroup.Group
	group.SetLimit(fetches)
	for i, img := range all {
		group.Go(func() error {
			packed[i], errs[i] = p.resolveImage(ctx, img)
			if errs[i] != nil {
				errs[i] = fmt.Errorf("image %s: %w", imageName(img, i), errs[i])
			}
			return nil
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return packed, errors.Join(errs...)
}

func imageName(img Image, i int) string {
	if len(img.Names) == 0 {
		return fmt.Sprintf("number %d", i+1)
	}
	return images.Familiar(img.Names[0])
}

func (p *packer) resolveImage(ctx context.Context, img Image) (resolvedImage, error) {
	out := resolvedImage{own: img.Own}
	if len(img.Names) == 0 {
		return out, errors.New("it has no name, by which nodes could find it in the archive")
	}
	for _, ref := range img.Names {
		tag, err := format.Tag(ref)
		if err != nil {
			return out, err
		}
		if note := format.NameWarning(tag); note != "" {
			progress.Warn(ctx, fmt.Sprintf("image %s: %s", images.Familiar(tag), note))
		}
		out.tags = append(out.tags, tag)
	}
	manifest, config, err := p.readImage(ctx, img, &out)
	if err != nil {
		return out, err
	}
	if err := p.content.AddImage(ctx, img.Image); err != nil {
		return out, err
	}
	for i, d := range manifest.Layers {
		info, err := p.layerInfo(ctx, d.Digest, img.Own)
		if err != nil {
			return out, err
		}
		if info.DiffID != config.RootFS.DiffIDs[i] {
			return out, fmt.Errorf("layer %s has the diff ID %s, but the config says %s", d.Digest, info.DiffID, config.RootFS.DiffIDs[i])
		}
		l := frame.Layer{Digest: info.DiffID, Size: info.UncompressedSize, Own: img.Own,
			Source: info.Digest, Compression: info.Compression, Padded: info.Padding > 0}
		if p.original {
			l.Digest, l.Size = info.Digest, info.Size
		}
		out.layers = append(out.layers, l)
	}
	if p.original {
		if img.Index != nil {
			kept, err := keepIndex(ctx, img.Index, out.manifest.Digest)
			if err != nil {
				return out, err
			}
			out.indexes = map[string]*keptIndex{}
			for _, tag := range out.tags {
				out.indexes[tag.Name()] = kept
			}
		}
		return out, checkOriginal(manifest, out.layers)
	}
	if isPlain(manifest, out.manifest.MediaType) && !slices.ContainsFunc(out.layers, func(l frame.Layer) bool { return !l.Verbatim() }) {
		return out, nil // nothing changes
	}
	out.rawManifest, out.manifest, err = rewrite(manifest, out.layers)
	return out, err
}

// layerInfo tells what is known about the blob of a layer. Layers that will be compared are
// sketched on the way.
func (p *packer) layerInfo(ctx context.Context, h v1.Hash, own bool) (store.BlobInfo, error) {
	if own || p.original {
		return p.content.Info(ctx, h)
	}
	return arrange.Info(ctx, p.content, h)
}

// readImage reads the manifest and the config of an image, and refuses what is not
// an image.
func (p *packer) readImage(ctx context.Context, from Image, out *resolvedImage) (*v1.Manifest, *v1.ConfigFile, error) {
	var (
		img       = from.Image
		err       error
		mediaType types.MediaType
	)
	if out.rawManifest, err = img.RawManifest(); err != nil {
		return nil, nil, fmt.Errorf("reading its manifest: %w", err)
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(out.rawManifest))
	if err != nil {
		return nil, nil, fmt.Errorf("reading its manifest: %w", err)
	}
	if mediaType, err = img.MediaType(); err != nil {
		return nil, nil, err
	}
	if err := images.CheckImage(manifest); err != nil {
		return nil, nil, err
	}
	digest, size, err := v1.SHA256(bytes.NewReader(out.rawManifest))
	if err != nil {
		return nil, nil, err
	}
	out.manifest = v1.Descriptor{MediaType: mediaType, Size: size, Digest: digest}
	if out.rawConfig, err = img.RawConfigFile(); err != nil {
		return nil, nil, fmt.Errorf("reading its config: %w", err)
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(out.rawConfig))
	if err != nil {
		return nil, nil, fmt.Errorf("reading its config: %w", err)
	}
	if out.platform, err = platformOf(ctx, from, config); err != nil {
		return nil, nil, err
	}
	if len(config.RootFS.DiffIDs) != len(manifest.Layers) {
		return nil, nil, fmt.Errorf("its manifest has %d layers and its config %d diff IDs", len(manifest.Layers), len(config.RootFS.DiffIDs))
	}
	out.config = manifest.Config
	return manifest, config, nil
}

// platformOf is what an image is for: what its config states, unless an index from
// which it was chosen says otherwise; see images.EntryPlatform.
func platformOf(ctx context.Context, from Image, config *v1.ConfigFile) (v1.Platform, error) {
	stated := images.PlatformIn(config)
	if from.Platform.OS == "" {
		return stated, nil
	}
	if _, err := images.SelectPlatform(from.Platform, []v1.Platform{stated}); err == nil {
		return images.PlatformFor(stated, from.Platform), nil
	}
	platform, differs, err := images.EntryPlatform(from.Platform, stated)
	if differs && err == nil {
		progress.Warn(ctx, fmt.Sprintf("image %s is for %s by its index and for %s by its config; nodes go by the index",
			imageName(from, 0), images.FormatPlatform(from.Platform), images.FormatPlatform(stated)))
	}
	return platform, err
}

// checkOriginal refuses layers which Docker's view of an archive cannot name as
// they are, or which nodes cannot read by what the manifest says.
func checkOriginal(m *v1.Manifest, layers []frame.Layer) error {
	judged := make([]format.NamedLayer, len(layers))
	for i, l := range layers {
		if _, err := format.CheckLayerType(l.Source.String(), m.Layers[i].MediaType, l.Compression); err != nil {
			return fmt.Errorf("%w; pack with uncompressed layers", err)
		}
		judged[i] = format.NamedLayer{Name: l.Source.String(), Compression: l.Compression}
	}
	if errs := format.CheckLayers(judged); len(errs) > 0 {
		return fmt.Errorf("%w; pack with uncompressed layers", errs[0])
	}
	return nil
}

// write makes the frames that the outputs need, then the outputs. One codec does not
// wait for the other: where one compresses, the other may only copy.
func (p *packer) write(ctx context.Context, l *layout) ([]Result, error) {
	results := make([]Result, len(p.outputs))
	group, ctx := store.NewGroup(ctx, 0)
	for i, codec := range p.codecs {
		if slices.Index(p.codecs, codec) < i {
			continue
		}
		group.Go(func() error {
			f, err := p.frames(ctx, codec, l)
			if err != nil {
				return err
			}
			return p.writeOutputs(ctx, codec, f, l, results)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return results, nil
}

// writeOutputs writes the outputs of one codec, and fills in their results.
func (p *packer) writeOutputs(ctx context.Context, codec format.Codec, f *frames, l *layout, results []Result) error {
	group, ctx := store.NewGroup(ctx, 0)
	for i, out := range p.outputs {
		if p.codecs[i] != codec {
			continue
		}
		group.Go(func() error {
			written, err := writeArchive(ctx, out, codec, f.all, l, p.jobs)
			if err != nil {
				return fmt.Errorf("writing archive %s: %w", out.Path, err)
			}
			results[i] = Result{Path: out.Path, Codec: codec, Size: written.size, Images: len(l.images),
				Frames: f.runs, Cached: f.cached, Parts: written.parts(), Checksums: written.checksums()}
			for _, run := range l.runs {
				results[i].Layers += len(run)
			}
			return nil
		})
	}
	return group.Wait()
}

// frames are those of one codec, in order.
type frames struct {
	all []frame.Frame
	// runs is how many of all hold layers; cached were there already.
	runs, cached int
}

// frames makes what an archive in codec consists of. Its views are a frame of
// their own, so that a reader which looks for an image that is not there reads
// nothing else.
func (p *packer) frames(ctx context.Context, codec format.Codec, l *layout) (_ *frames, err error) {
	maker := frame.NewMaker(codec, p.content, p.level, p.jobs)
	planned := l.runs
	if codec != format.Zstd {
		// No other codec gains by compressing layers together.
		planned = apart(planned)
	}
	runs := make([]frame.Frame, len(planned))
	task := progress.Start(ctx, fmt.Sprintf("compress %d layers as %s", len(slices.Concat(planned...)), codec))
	defer func() { task.Done(err) }()
	var (
		total  int64
		mu     sync.Mutex
		cached int
		order  = make([]int, len(planned))
	)
	for i, run := range planned {
		order[i] = i
		total += frame.RunSize(run)
	}
	task.SetTotal(total)
	// The largest first, so that no core is left alone with it at the end.
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(frame.RunSize(planned[b]), frame.RunSize(planned[a])) })
	group, groupCtx := store.NewGroup(ctx, p.jobs)
	for _, i := range order {
		group.Go(func() error {
			f, hit, err := maker.Run(groupCtx, planned[i], task.Add)
			if err != nil {
				return p.allDamage(groupCtx, planned[i], err)
			}
			runs[i] = f
			mu.Lock()
			defer mu.Unlock()
			if hit {
				cached++
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	maker.Release()
	if cached == len(runs) {
		task.SetCached()
	}
	views, err := frame.NewSmallTar(l.views)
	if err != nil {
		return nil, err
	}
	blobs, err := frame.NewSmallTar(l.blobs)
	if err != nil {
		return nil, err
	}
	small := make([]frame.Frame, 3)
	for i, t := range []*frame.SmallTar{views, blobs, frame.EndOfTar()} {
		if small[i], err = maker.Small(ctx, t); err != nil {
			return nil, err
		}
	}
	return &frames{all: slices.Concat(small[:2], runs, small[2:]), runs: len(runs), cached: cached}, nil
}

// allDamage is err; if that is damage to one blob of a run, it tells of the run's other
// damaged blobs too.
func (p *packer) allDamage(ctx context.Context, run []frame.Layer, err error) error {
	if !store.IsDamaged(err) {
		return err
	}
	errs := []error{err}
	for _, l := range run {
		if checked := p.content.Check(ctx, l.Source); store.IsDamaged(checked) {
			errs = append(errs, checked)
		}
	}
	return errors.Join(errs...)
}

// writeArchive writes the frames and their index, all at once in their places.
func writeArchive(ctx context.Context, out Output, codec format.Codec, frames []frame.Frame, l *layout, jobs int) (_ *spool, err error) {
	idx := indexOf(frames)
	tail, err := idx.Encode(codec)
	if err != nil {
		return nil, err
	}
	frames = append(slices.Clip(frames), frame.Bytes(tail))
	var (
		offsets []int64
		size    int64
	)
	for _, f := range frames {
		offsets = append(offsets, size)
		size += f.Size()
	}
	task := progress.Start(ctx, "write "+filepath.Base(out.Path))
	task.SetTotal(size)
	defer func() { task.Done(err) }()

	temp, err := newSpool(out.Path, size, out.Split)
	if err != nil {
		return nil, err
	}
	defer temp.discard()
	group, groupCtx := store.NewGroup(ctx, jobs)
	for i, f := range frames {
		group.Go(func() error {
			w, err := temp.at(offsets[i])
			if err != nil {
				return err
			}
			return errors.Join(f.Copy(groupCtx, w, task), w.Close())
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := checkWritten(ctx, temp.path, size, l); err != nil {
		return nil, fmt.Errorf("checking what was written: %w", err)
	}
	return temp, temp.commit(ctx)
}

// indexOf describes frames that follow one another.
func indexOf(frames []frame.Frame) *format.Index {
	idx := format.NewIndex()
	for _, f := range frames {
		idx.Add(f.Size(), f.TarSize, f.Entries)
	}
	return idx
}

// checkWritten opens what was written as any reader would, and looks for the
// images that should be there.
func checkWritten(ctx context.Context, path string, size int64, l *layout) error {
	a, err := airgap.Open(ctx, path)
	if err != nil {
		return err
	}
	defer a.Close()
	if a.Size() != size {
		return fmt.Errorf("it has %d bytes instead of %d", a.Size(), size)
	}
	found, err := a.Images(ctx)
	if err != nil {
		return err
	}
	if len(found) != len(l.images) {
		return fmt.Errorf("it has %d images instead of %d", len(found), len(l.images))
	}
	for i, img := range l.images {
		if found[i].Manifest.Digest != img.manifest.Digest || found[i].ID != img.config.Digest || len(found[i].Names) != len(img.tags) {
			return fmt.Errorf("image %s is not where it should be", images.Familiar(img.tags[0]))
		}
	}
	return nil
}
