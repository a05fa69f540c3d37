package delta

import (
	"errors"
	"fmt"

	"github.com/slipway-build/slipway/images/airgap/delta/bindiff"
	"github.com/slipway-build/slipway/images/airgap/delta/content"
	"github.com/slipway-build/slipway/images/airgap/format"
)

// A contentRecipe says how runs of NEW are made of content of OLD. First frames of OLD are decompressed: the sources. Joined
// in order, they are the content of OLD. The steps make the content of NEW from it, which is encoded to the runs.
type contentRecipe struct {
	// Codec is the compression of the sources: tar.zst or tar.gz, or "" if they are their content.
	Codec format.Codec `json:"codec,omitempty"`
	// Encoders are the names of the encoders that make runs, with their versions.
	Encoders []string `json:"encoders,omitempty"`
	// Patches is the format of the patches, bindiff.Format, or "" if there are none.
	Patches string `json:"patches,omitempty"`
	// Sources are parts of OLD, in their order.
	Sources []source `json:"sources,omitempty"`
	// Content makes the content of NEW.
	Content []contentStep `json:"content,omitempty"`
	// Made are runs of NEW, in their order there and in the content.
	Made []madeRun `json:"made,omitempty"`
}

// A source is a part of OLD.
type source struct {
	Old     int64 `json:"old"` // offset in OLD
	Size    int64 `json:"size"`
	Content int64 `json:"content"` // size when decompressed
}

// A contentStep makes the next bytes of the content of NEW.
type contentStep struct {
	Size int64 `json:"size"`
	// Old are ranges of the content of OLD.
	Old []contentRange `json:"old,omitempty"`
	// Patch is the size of the patch that makes the bytes, in the order of the steps after the recipe. If it is 0, the
	// bytes are those of the only range.
	Patch int64 `json:"patch,omitempty"`
}

type contentRange struct {
	At   int64 `json:"at"`
	Size int64 `json:"size"`
}

// A madeRun is a run of NEW that is made of content.
type madeRun struct {
	New  int64 `json:"new"` // offset in NEW
	Size int64 `json:"size"`
	// Encoder is the number of the encoder, from 1 on, or 0 if the run is its content.
	Encoder int `json:"encoder,omitempty"`
	// From is the offset of its content, Content the size of it.
	From    int64 `json:"from"`
	Content int64 `json:"content"`
	// Window is the number of bytes before From that are in the window of the encoder, or Continued is set if the
	// encoder goes on after the run before it.
	Window    int64 `json:"window,omitempty"`
	Continued bool  `json:"continued,omitempty"`

	tar int64 // offset of its content in the tar of NEW, which the recipe lacks
}

// patchSize returns the size of all patches, in bytes.
func (c *contentRecipe) patchSize() (n int64) {
	for _, s := range c.Content {
		n += s.Patch
	}
	return n
}

// checkEncoders returns an error if this program cannot apply the patches or make the runs.
func (c *contentRecipe) checkEncoders() error {
	if c.patchSize() > 0 && c.Patches != bindiff.Format {
		return fmt.Errorf("its patches have the format %q, and this program reads %q; apply it with the version of Slipway that made it, or make it again", c.Patches, bindiff.Format)
	}
	for _, name := range c.Encoders {
		if !knownEncoder(name) {
			return fmt.Errorf("it needs the encoder %q, which this program does not have; apply it with the version of Slipway that made it, or make a delta with --portable", name)
		}
	}
	return nil
}

// encoder returns the name of the encoder of a run, or "".
func (c *contentRecipe) encoder(m madeRun) string {
	if m.Encoder == 0 {
		return ""
	}
	return c.Encoders[m.Encoder-1]
}

// errContent is the error for a recipe that only an attacker makes.
var errContent = errors.New("invalid recipe: its content is outside of what it is made of")

// checkContent returns an error if the recipe is invalid. rest is the number of bytes after the recipe. All work and all memory is
// linear in the sizes that the recipe states, and these are bounded by those of OLD and the delta.
func (c *contentRecipe) checkContent(d *delta, rest int64) error {
	if len(c.Made) == 0 {
		if c.Codec != "" || c.Patches != "" || len(c.Encoders)+len(c.Sources)+len(c.Content) > 0 {
			return errors.New("invalid recipe: content that nothing is made of")
		}
		return nil
	}
	if len(c.Sources)+len(c.Content)+len(c.Made) > maxCopies {
		return fmt.Errorf("its recipe has over %d steps", maxCopies)
	}
	if len(c.Encoders) > maxEncoders || c.Codec != "" && c.Codec != format.Zstd && c.Codec != format.Gzip {
		return errors.New("invalid recipe: unknown codec, or too many encoders")
	}
	sources, err := c.checkSources(d)
	if err != nil {
		return err
	}
	size, err := c.checkSteps(d, sources, rest)
	if err != nil {
		return err
	}
	if err := errors.Join(growth(sources, d.Old.size()), growth(size, d.Old.size()+d.size)); err != nil {
		return err
	}
	return c.checkMade(d, size)
}

// checkSources checks the sources, and returns the size of their content.
func (c *contentRecipe) checkSources(d *delta) (size int64, err error) {
	var done int64
	for _, s := range c.Sources {
		if s.Old < done || s.Size <= 0 || s.Size > d.Old.size()-s.Old || s.Content < 0 || s.Content > maxContent-size || c.Codec == "" && s.Content != s.Size {
			return 0, errContent
		}
		done, size = s.Old+s.Size, size+s.Content
	}
	return size, nil
}

// checkSteps checks the steps, and returns the size of the content of NEW. sources is the size of the content of OLD.
func (c *contentRecipe) checkSteps(d *delta, sources, rest int64) (size int64, err error) {
	var patches, work int64
	for _, s := range c.Content {
		var old int64
		for _, r := range s.Old {
			if r.At < 0 || r.Size <= 0 || r.Size > sources-r.At {
				return 0, errContent
			}
			old += r.Size
			if old > maxContent {
				return 0, errContent
			}
		}
		if s.Size <= 0 || s.Size > maxContent-size || s.Patch < 0 || s.Patch > rest-patches {
			return 0, errContent
		}
		if s.Patch == 0 && (len(s.Old) != 1 || old != s.Size) || s.Patch > 0 && (s.Size > content.MaxPatch || old > content.MaxOld) {
			return 0, errContent
		}
		if s.Patch > 0 {
			if work += old + patchWork; s.Patch > 2*s.Size+patchSlack {
				return 0, errContent
			}
		}
		size, patches = size+s.Size, patches+s.Patch
	}
	if err := growth(work, d.Old.size()+d.size); err != nil {
		return 0, fmt.Errorf("invalid recipe: reading what its patches need: %w", err)
	}
	return size, nil
}

const (
	// maxContent is far more than growth allows. It keeps sums from overflowing.
	maxContent = 1 << 50
	// A patch has at most twice the bytes that it makes, and patchSlack more.
	patchSlack = 64 << 10
	// patchWork is added to the bytes of OLD that a patch reads, for the decoders that it needs.
	patchWork = 1 << 20
	// maxEncoders is more than there are.
	maxEncoders = 100
)

// checkMade checks the runs that are made of size bytes of content.
func (c *contentRecipe) checkMade(d *delta, size int64) error {
	var done, from int64
	for i, m := range c.Made {
		if m.Encoder < 0 || m.Encoder > len(c.Encoders) {
			return fmt.Errorf("invalid recipe: run %d of what is made has no encoder", i)
		}
		segment := segmentLevel(c.encoder(m)) >= 0
		switch {
		case m.New < done || m.Size <= 0 || m.Size > d.New.Size-m.New,
			m.From < from || m.Content <= 0 || m.Content > size-m.From,
			m.Window < 0 || m.Window > min(m.From-from, format.MaxWindow), // a window is loaded once
			m.Continued && (i == 0 || m.Window > 0 || m.From != from || c.Made[i-1].Encoder != m.Encoder),
			!segment && (m.Window > 0 || m.Continued), m.Encoder == 0 && m.Content != m.Size:
			return fmt.Errorf("invalid recipe: run %d of what is made is outside the files, or over the one before it", i)
		}
		done, from = m.New+m.Size, m.From+m.Content
	}
	done = 0
	for _, r := range d.runs() {
		if r.offset < done {
			return errors.New("invalid recipe: bytes are both copied and made")
		}
		done = r.offset + r.size
	}
	return nil
}
