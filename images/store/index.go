package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store/files"

	"github.com/gofrs/flock"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

func (s *Store) indexPath() string { return s.files.Dir + string(os.PathSeparator) + "index.json" }

// Tag names the image or index that d describes. name is a fully qualified reference, as from
// images.Qualified; it is moved if another image has it. With an empty name, the image is listed
// without one.
func (s *Store) Tag(ctx context.Context, name string, d v1.Descriptor) error {
	return s.TagAll(ctx, map[string]v1.Descriptor{name: d})
}

// TagAll is Tag for several names, of which it sets all or none. It reads and writes index.json once.
func (s *Store) TagAll(ctx context.Context, tags map[string]v1.Descriptor) error {
	if len(tags) == 0 {
		return nil
	}
	var entries []v1.Descriptor
	names := slices.Sorted(maps.Keys(tags))
	for _, name := range names {
		d := tags[name]
		if !s.Has(d.Digest) {
			return fmt.Errorf("tagging %s in %s: missing blob %s", name, s.files.Dir, d.Digest)
		}
		entry := *d.DeepCopy()
		entry.Annotations = maps.Clone(entry.Annotations)
		if entry.Annotations == nil {
			entry.Annotations = map[string]string{}
		}
		if name != "" {
			entry.Annotations[images.RefNameAnnotation] = name
			entry.Annotations[images.ContainerdNameAnnotation] = name
		}
		entries = append(entries, entry)
	}
	err := s.editIndex(ctx, func(m *v1.IndexManifest) {
		m.Manifests = slices.DeleteFunc(m.Manifests, func(d v1.Descriptor) bool {
			tagged, ok := tags[nameOf(d)]
			return ok && (nameOf(d) != "" || d.Digest == tagged.Digest)
		})
		m.Manifests = append(m.Manifests, entries...)
		// Sort, so that the file does not depend on the order of calls.
		slices.SortStableFunc(m.Manifests, func(a, b v1.Descriptor) int {
			return cmp.Or(cmp.Compare(nameOf(a), nameOf(b)), cmp.Compare(a.Digest.Hex, b.Digest.Hex))
		})
	})
	if err != nil {
		what := names[0]
		if more := len(names) - 1; more > 0 {
			what += fmt.Sprintf(" and %d more", more)
		}
		return fmt.Errorf("tagging %s in %s: %w", what, s.files.Dir, err)
	}
	return nil
}

// nameOf returns the name of an entry, preferably fully qualified.
func nameOf(d v1.Descriptor) string {
	return cmp.Or(d.Annotations[images.ContainerdNameAnnotation], d.Annotations[images.RefNameAnnotation])
}

// Tags returns the entries of index.json.
func (s *Store) Tags() ([]v1.Descriptor, error) {
	m, _, err := s.readIndex()
	if err != nil {
		return nil, err
	}
	return m.Manifests, nil
}

// readIndex reads index.json. In a store of ours, damaged entries are restored from its copy, and
// mended is true.
func (s *Store) readIndex() (m *v1.IndexManifest, mended bool, err error) {
	raw, err := regular.ReadFile(s.indexPath())
	if err == nil {
		m, err = v1.ParseIndexManifest(bytes.NewReader(raw))
	}
	if err != nil {
		err = fmt.Errorf("reading %s: %w", s.indexPath(), files.Reason(err))
	}
	if s.files.ReadOnly {
		return m, false, err
	}
	kept, keptErr := s.files.ReadRecord(indexKind, indexKey)
	switch {
	case keptErr != nil && err != nil:
		return nil, false, err
	case keptErr != nil || bytes.Equal(raw, kept):
		return m, false, nil
	}
	copied, parseErr := v1.ParseIndexManifest(bytes.NewReader(kept))
	switch {
	case parseErr != nil:
		return m, false, err
	case err != nil:
		return copied, true, nil
	}
	m.Manifests, mended = s.mendEntries(m.Manifests, copied.Manifests)
	return m, mended || reflect.DeepEqual(m, copied), nil
}

// The record of index.json as this program last wrote it.
const (
	indexKind = "index"
	indexKey  = "index.json"
)

// mendEntries compares the entries of index.json with those that were last written. Other programs
// may add, change and remove entries. An entry is damaged if its blob is missing, if it differs
// from the copy for the same name and digest, or if it has the digest of an entry of the copy whose
// name is missing.
func (s *Store) mendEntries(found, written []v1.Descriptor) (entries []v1.Descriptor, mended bool) {
	has := func(list []v1.Descriptor, name string) int {
		return slices.IndexFunc(list, func(d v1.Descriptor) bool { return nameOf(d) == name })
	}
	for _, d := range found {
		size, there := s.stat(d.Digest)
		i := has(written, nameOf(d))
		if i < 0 {
			// Check whether it is an entry of ours whose name was damaged.
			i = slices.IndexFunc(written, func(w v1.Descriptor) bool { return w.Digest == d.Digest && has(found, nameOf(w)) < 0 })
		}
		switch {
		case i >= 0 && (written[i].Digest == d.Digest || !there || size != d.Size):
			if !reflect.DeepEqual(d, written[i]) {
				d, mended = written[i], true
			}
		case !there:
			mended = true
			continue
		}
		entries = append(entries, d)
	}
	return entries, mended
}

// createIndex creates a missing index.json: as it was last written, or empty. Another process may
// do the same.
func (s *Store) createIndex() error {
	raw, err := s.files.ReadRecord(indexKind, indexKey)
	if err != nil {
		raw, err = encodeIndex(&v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}})
	}
	if err != nil {
		return err
	}
	f, err := s.files.Temp()
	if err != nil {
		return err
	}
	defer files.Discard(f)
	if _, err := f.Write(raw); err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o644), s.files.Flush(f)); err != nil {
		return err
	}
	// Unlike a rename, a link does not replace a file that another process wrote.
	err = os.Link(f.Name(), s.indexPath())
	switch {
	case err == nil, errors.Is(err, fs.ErrExist):
		return nil
	}
	// On a file system without links.
	g, err := os.OpenFile(s.indexPath(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = g.Write(raw)
	return errors.Join(err, g.Close())
}

// editIndex changes index.json, under a lock among processes.
func (s *Store) editIndex(ctx context.Context, edit func(*v1.IndexManifest)) error {
	if s.files.ReadOnly {
		return fmt.Errorf("OCI layout %s is open read-only", s.files.Dir)
	}
	lock := flock.New(s.files.Private("index.lock"))
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return fmt.Errorf("locking: %w", err)
	}
	defer lock.Close()
	_, copied := s.Record(ctx, indexKind, indexKey)
	m, mended, err := s.readIndex()
	if err != nil {
		// Names that this run does not set again are lost.
		progress.Warn(ctx, fmt.Sprintf("recreating damaged %s: %v", s.indexPath(), err))
		m = &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	} else if mended {
		progress.Warn(ctx, fmt.Sprintf("repaired damaged %s", s.indexPath()))
	}
	before, encodeErr := encodeIndex(m)
	edit(m)
	raw, afterErr := encodeIndex(m)
	if err := errors.Join(encodeErr, afterErr); err != nil {
		return err
	}
	if err == nil && copied && !mended && bytes.Equal(raw, before) {
		return nil
	}
	// Write the copy first: if the program ends between the two writes, the edit is completed
	// later.
	if err := s.SetRecord(indexKind, indexKey, raw); err != nil {
		return err
	}
	return s.files.Replace(s.indexPath(), raw, files.Synced)
}

// lockPoll is the interval of attempts to lock: locks are held for milliseconds.
const lockPoll = 10 * time.Millisecond

func encodeIndex(m *v1.IndexManifest) ([]byte, error) {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(raw, '\n'), nil
}
