package extract

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// An Folder is a folder of an image's file system, and the folder on disk
// that becomes its copy.
type Folder struct {
	// Path is as in the image: /bin. In images of Windows the form of the layers,
	// Files/bin, is left out. / is everything.
	Path string
	// Dest is created, with the folders above it, or replaced if it is there.
	Dest string
}

// Limits bound what an image may make of little: a layer of some
// kilobytes can hold a file of terabytes, or names without end.
type Limits struct {
	// Bytes is how much is written at most; 0 is 64 GiB.
	Bytes int64
	// Entries is how many entries all layers may have; 0 is a million.
	Entries int
}

// A Source is an image that folders are extracted from.
type Source struct {
	// Name is the image's in messages.
	Name  string
	Image v1.Image
	// Platform is what the image is for.
	Platform v1.Platform
}

// Folders lays the layers of an image over one another, the lowest first,
// and writes the folders named to disk. As in containerd and Docker with overlayfs,
// each layer is unpacked on its own: its paths lead through its own links, never
// through those of lower layers, and whiteouts and opaque folders hide what lower
// layers have (OCI image-spec, layer.md). Modes are 0755 at most, owners and times are those
// of whoever extracts. Each layer is read once, all of it, and must have its diff ID; its
// digest is for the image's own reader to verify.
//
// A folder appears complete or not at all: it is made beside Dest and renamed
// when all layers were read and found right. A folder that is at Dest is replaced;
// if one of several cannot be, those before it are put back.
//
// Nothing is written elsewhere. These are errors: a name with .. in it, a file
// below another of its layer, a link that leads out of the folder, a device or pipe in one of
// the folders, a hard link to a file outside. An absolute link into the folder is
// made relative. That the image has no such folder is an error which names those
// it has.
func Folders(ctx context.Context, img Source, what []Folder, limits Limits) (files int, err error) {
	task := progress.Start(ctx, "extract from "+img.Name)
	defer func() { task.Done(err) }()
	// Layers of an image for Windows that turned out not to be in its form.
	plain := map[int]bool{}
	for again := true; again; {
		files, err = extract(ctx, img, what, limits, task, plain)
		var found *plainError
		if again = errors.As(err, &found) && !plain[found.layer]; again {
			plain[found.layer] = true
		}
	}
	if err != nil {
		return 0, fmt.Errorf("extracting from image %s: %w", img.Name, err)
	}
	return files, nil
}

func extract(ctx context.Context, img Source, what []Folder, limits Limits, task *progress.Task, plain map[int]bool) (files int, err error) {
	targets, err := newTargets(what)
	defer func() {
		for _, t := range targets {
			leftover, discardErr := t.folder.discard()
			if leftover != "" {
				progress.Warn(ctx, fmt.Sprintf("%s was replaced, but files of the folder that was there are still in use; they stay in %s until the next extraction", t.folder.final, leftover))
			}
			err = errors.Join(err, discardErr)
		}
	}()
	if err != nil {
		return 0, err
	}
	layers, err := describeLayers(img.Image)
	if err != nil {
		return 0, err
	}
	var total int64
	for _, l := range layers {
		total += l.size
	}
	task.SetTotal(total)
	o := newOverlay(targets, limits, img.Platform.OS == "windows")
	// Before the temporary folders are removed: Windows removes none that is open.
	defer func() { err = errors.Join(err, o.own.aufs.forget(), o.folders.close()) }()
	for i, l := range layers {
		o.begin(i, plain[i])
		err := extractLayer(ctx, l, o, task)
		if err == nil {
			err = o.end()
		}
		if err != nil {
			return 0, fmt.Errorf("layer %d of %d (%s): %w", i+1, len(layers), l.digest, err)
		}
	}
	if files, err = o.finish(); err != nil {
		return 0, err
	}
	for i, t := range targets {
		if err := t.folder.commit(); err != nil {
			err = fmt.Errorf("folder %s: %w", t.folder.final, err)
			for _, done := range targets[:i] {
				err = errors.Join(err, done.folder.revert())
			}
			return 0, err
		}
	}
	return files, nil
}

// newTargets creates a temporary folder for each of what.
func newTargets(what []Folder) ([]*target, error) {
	if len(what) == 0 {
		return nil, errors.New("no folder to extract was named")
	}
	var targets []*target
	for _, e := range what {
		t := &target{path: strings.Trim(path.Clean("/"+e.Path), "/")}
		for _, other := range targets {
			if other.holds(t.path) || t.holds(other.path) {
				return targets, fmt.Errorf("folders /%s and /%s are nested; extract one of them", other.path, t.path)
			}
		}
		if e.Dest == "" {
			return targets, fmt.Errorf("folder /%s: no target folder was named", t.path)
		}
		var err error
		if t.folder, err = newTempFolder(e.Dest); err != nil {
			return targets, fmt.Errorf("folder /%s: %w", t.path, err)
		}
		targets = append(targets, t)
		for _, other := range targets[:len(targets)-1] {
			if a, b := other.folder.final, t.folder.final; below(a, b) || below(b, a) {
				return targets, fmt.Errorf("folders /%s and /%s go to %s and %s, and one would replace the other", other.path, t.path, a, b)
			}
		}
	}
	return targets, nil
}

// below says whether a path is dir or lies in it; both are absolute.
func below(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// A sourceLayer is a layer of the image, with what its image says of it.
type sourceLayer struct {
	v1.Layer
	digest, diffID v1.Hash
	size           int64 // in bytes, compressed
}

func describeLayers(img v1.Image) ([]sourceLayer, error) {
	list, err := img.Layers()
	if err != nil {
		return nil, err
	}
	layers := make([]sourceLayer, len(list))
	for i, l := range list {
		layers[i].Layer = l
		if layers[i].digest, err = l.Digest(); err != nil {
			return nil, err
		}
		if layers[i].diffID, err = l.DiffID(); err != nil {
			return nil, err
		}
		if layers[i].size, err = l.Size(); err != nil {
			return nil, err
		}
	}
	return layers, nil
}

// extractLayer lays one layer over what is there.
func extractLayer(ctx context.Context, l sourceLayer, o *overlay, task *progress.Task) error {
	blob, err := l.Compressed()
	if err != nil {
		return err
	}
	defer blob.Close()
	raw := task.Reader(streams.WithContext(ctx, blob))
	_, content, err := sniff.Open(raw, sniff.LowMemory()...)
	if err != nil {
		return err
	}
	defer content.Close()
	hash := sha256.New()
	tee := io.TeeReader(content, hash)
	entries := tar.NewReader(tee)
	for {
		h, err := entries.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := o.apply(h, entries); err != nil {
			return fmt.Errorf("entry %q: %w", h.Name, err)
		}
	}
	// Both digests are of all bytes, also of those behind the tar's end.
	if _, err := io.Copy(io.Discard, tee); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, raw); err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != l.diffID.Hex {
		return fmt.Errorf("its content has the diff ID sha256:%s, but the config says %s", got, l.diffID)
	}
	return nil
}
