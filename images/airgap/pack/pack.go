package pack

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack/arrange"
	"github.com/slipway-build/slipway/images/airgap/pack/frame"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/fileop"
)

// An Image is an image to write into an archive.
type Image struct {
	// Names are the references by which nodes look for the image, at least one. A reference without a tag gets the tag
	// from format.Tag.
	Names []name.Reference
	// Image is the image for one platform, and not an attestation.
	Image v1.Image
	// Platform is the platform for which Image was chosen. It is used if the config does not state one; see
	// images.PlatformFor.
	Platform v1.Platform
	// Index is the index from which Image was chosen, or nil. With original layers, the archive
	// has the index as it is, so that nodes find its digest.
	Index v1.ImageIndex
	// Own is set for images of the project itself. They come first in the archive, because
	// nodes look for them first, and because they change with every build.
	Own bool
	// Proof are documents about the image, which the archive carries if Options.Proof is set.
	Proof []proof.Attachment
	// Registry is what the registry had, if Image is not the registry's, but was rewritten for another archive. In the
	// proof, it takes the place of the manifest of Image and of Index; their documents are among Proof.
	Registry *proof.RegistryDigests
}

// An Output is one archive to write.
type Output struct {
	// Path ends in .tar, .tar.zst or .tar.gz, which determines the compression.
	Path string
	// Split is the maximum size of one file, in bytes; 0 means no limit. A larger archive is written as parts,
	// PATH.part001 and so on, which are the archive when joined in order, and PATH.sha256, which has the digests of the
	// parts and of the whole as sha256sum writes them.
	Split int64
}

// Options determine how archives are written.
type Options struct {
	// Layers is the form of layers. With uncompressed layers, configs and therefore image IDs do not change, and
	// manifests are rewritten. Original layers keep the manifests of the registry, for nodes that pin digests or check
	// signatures.
	Layers images.ArchiveLayers
	Level  images.ZstdLevel
	// Jobs is the number of frames that are made or written at a time; 0 means the number of cores. At most two zstd
	// frames are compressed at a time, which bounds memory.
	Jobs int
	// Proof is what the proof of the archive has in addition to its content. If it is nil, the archive has no proof.
	Proof *Proof
	// Frames has frames that need not be made, or is nil.
	Frames Frames
}

// Frames has the frames of other archives.
type Frames interface {
	// Ready returns, for each run of layers, the frame that an archive has, or nil. It is called once for each codec,
	// with all runs of the archive to write, perhaps from several goroutines.
	Ready(ctx context.Context, codec format.Codec, runs [][]frame.Layer) ([]*frame.Frame, error)
}

// A Proof says what the proof of an archive has in addition to the content of the archive and to the proof of
// its images.
type Proof struct {
	// Release identifies the release that the archive belongs to, or is nil.
	Release *proof.Origin
	// Attached are documents about the archive as a whole.
	Attached []proof.Attachment
	// Sign signs the content statement. If it is nil, the statement is not signed.
	Sign proof.Signer
	// Policy has the requirements for the archive and for its images, except own ones. If it is nil, there are none.
	// Write returns an error if verify would refuse the archive or such an image.
	Policy *policy.Policy
}

// A Result describes an archive that Write wrote.
type Result struct {
	Path   string
	Codec  format.Codec
	Size   int64 // in bytes, of all parts together
	Images int
	Layers int
	// Frames is the number of frames with layers. Cached is how many of them were in the store, or in Options.Frames.
	Frames, Cached int
	// Parts are the paths of the parts, in order, and Checksums is that of the file with their
	// digests. Both are empty if the archive is one file.
	Parts     []string
	Checksums string
}

// fetches is the number of images that are fetched into the store at a time. It is enough to keep
// registries busy, whose client bounds the requests to each host.
const fetches = 4

// Content has the images to pack, and keeps the content that is made from them. *store.Store implements it.
type Content interface {
	frame.Content
	arrange.Content
	// AddLayer adds the blob of a layer, and fetches it if necessary, unless the content has it.
	AddLayer(ctx context.Context, layer v1.Layer) error
	// Known returns what was found out about the blob of a layer, which the content may no longer have.
	Known(ctx context.Context, blob v1.Hash) (store.BlobInfo, bool)
	// Stored returns what is known about the blob of a layer without decompressing it.
	Stored(ctx context.Context, blob v1.Hash) (store.BlobInfo, error)
}

// Write writes one archive of all images to each of outputs, and returns a result for each. Layers are fetched,
// decompressed and compressed once for all outputs. Frames are kept in content, and copied to the next archive with the
// same layers. The bytes of an archive depend only on the images, their order and the options.
//
// An archive is written beside its path, read back, and renamed.
//
// Files of content are verified while they are read and copied. A damaged one is removed with a
// warning, and made or fetched again.
func Write(ctx context.Context, content Content, all []Image, outputs []Output, opts Options) (made []Result, err error) {
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
	// Only uncompressed layers are compared with one another, to compress similar ones together.
	if l.runs, err = arrange.Runs(ctx, p.content, unique(l.images), !p.original, p.jobs); err != nil {
		return nil, err
	}
	if p.proof != nil {
		if err := l.prove(ctx, p.proof); err != nil {
			return nil, err
		}
	}
	return p.write(ctx, l)
}

type packer struct {
	content  Content
	outputs  []Output
	codecs   []format.Codec // of outputs
	original bool
	proof    *Proof
	ready    Frames
	jobs     int
	level    frame.Level
	// onlyFrames is set if the archives have layers in frames that the content keeps. Others contain blobs, or are made of
	// them each time.
	onlyFrames bool
}

// newPacker checks the arguments of Write.
func newPacker(content Content, outputs []Output, opts Options) (*packer, error) {
	p := &packer{content: content, outputs: outputs, original: opts.Layers == images.OriginalLayers, jobs: opts.Jobs, proof: opts.Proof, ready: opts.Frames}
	if p.jobs <= 0 {
		p.jobs = runtime.GOMAXPROCS(0)
	}
	errs := []error{opts.Layers.Validate()}
	var err error
	p.level, err = frame.LevelOf(opts.Level)
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
			err = fmt.Errorf("archive %s: parts of %d bytes; want the maximum size of a part, or 0 for one file", out.Path, out.Split)
		}
		seen[place] = true
		errs = append(errs, err)
		p.codecs = append(p.codecs, codec)
	}
	p.onlyFrames = !p.original && !slices.ContainsFunc(p.codecs, func(c format.Codec) bool { return c != format.Zstd })
	return p, errors.Join(errs...)
}
