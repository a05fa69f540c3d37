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

// A Folder names a folder of the image and the place to extract it to.
type Folder struct {
	// Path is the path in the image, such as /bin, or / for all files. It does not include the
	// prefix Files of layers in the Windows form.
	Path string
	// Dest is the path on disk. It is created along with its parents; an existing folder is
	// replaced.
	Dest string
}

// Limits limit what is written: a layer of a few kilobytes can hold terabytes of files.
type Limits struct {
	// Bytes is the maximum number of bytes to write; 0 means 64 GiB.
	Bytes int64
	// Entries is the maximum number of entries in all layers; 0 means a million.
	Entries int
}

// A Source is an image that folders are extracted from.
type Source struct {
	// Name is the name of the image in messages.
	Name string
	// Image is read once. Its layers must verify their digests.
	Image v1.Image
	// Platform is the platform of the image. Layers of Windows images may have the Windows form.
	Platform v1.Platform
}

// Folders extracts folders of an image, and returns the number of files and links in them. It
// reads each layer to its end and verifies its diff ID. Modes are at most 0755. Files get the
// owner of the process and the current time.
//
// A folder appears complete or not at all: it is written beside Dest, and renamed after all
// layers are verified. If one of several folders cannot be renamed, the ones already renamed are
// rolled back.
//
// Nothing is written outside the folders. These are errors: a name that contains "..", an entry
// below a file of the same layer, a symlink that leads out of its folder, a device or pipe in a
// folder, and a hard link to a file outside the folder. An absolute symlink into the folder
// becomes relative. The error for a missing folder lists the folders at the top of the image.
func Folders(ctx context.Context, img Source, what []Folder, limits Limits) (files int, err error) {
	task := progress.Start(ctx, "extract from "+img.Name)
	defer func() { task.Done(err) }()
	// plain holds the layers of a Windows image that turned out to have the plain form.
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
	// Windows cannot remove an open folder, so close them before the targets are discarded.
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

// newTargets creates a temporary folder for each element of what. On error, it also returns the
// ones it created.
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

// below reports whether the absolute path is dir or is inside it.
func below(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// A sourceLayer is a layer with its digests and size, as the image states them.
type sourceLayer struct {
	v1.Layer
	digest, diffID v1.Hash
	size           int64 // compressed, in bytes
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

// extractLayer applies one layer on top of the previous ones.
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
	// Digests include bytes after the end of the tar.
	if _, err := io.Copy(io.Discard, tee); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, raw); err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != l.diffID.Hex {
		return fmt.Errorf("its content has the diff ID sha256:%s, but the config has %s", got, l.diffID)
	}
	return nil
}
