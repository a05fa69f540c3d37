package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/slipway-build/slipway/images/store/files"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/regular"
)

// A Store is an OCI image layout on disk. All its methods may be called from several goroutines,
// and several processes may use the same folder.
type Store struct {
	files    *files.Folder
	encoders string // versions of the compressors, part of a layer's key
	use      *useLock
	// stored has a storedBlob, by digest, for each blob that this process has read or written but not recorded.
	stored sync.Map
}

var _ images.LayerStore = (*Store)(nil)

// layoutVersion is the only version of the image layout (image-spec/image-layout.md, "oci-layout
// file").
const layoutVersion = "1.0.0"

type layoutFile struct {
	Version string `json:"imageLayoutVersion"`
}

// OpenOutput is Open for a layout that is published: AddImage and AddIndex also check existing
// content.
func OpenOutput(dir string) (*Store, error) {
	s, err := Open(dir)
	if err != nil {
		return nil, err
	}
	s.files.Output = true
	return s, nil
}

// Open opens the store in dir, and creates missing files.
func Open(dir string) (*Store, error) {
	s, err := newStore(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range []string{filepath.Join(s.files.Dir, "blobs", "sha256"), s.files.Private("ingest")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("opening store %s: %w", dir, err)
		}
	}
	if err := s.openLayout(); err != nil {
		return nil, fmt.Errorf("opening store %s: %w", dir, err)
	}
	s.sweep(time.Now())
	s.use = shareUse(s.files.Private("use.lock"))
	return s, nil
}

// openLayout creates the two files of a layout if they are missing, or unreadable in a store of
// ours. oci-layout can be rewritten without loss, since its content is constant.
func (s *Store) openLayout() error {
	path := filepath.Join(s.files.Dir, "oci-layout")
	if err := s.checkLayout(); err != nil {
		if _, ours := os.Stat(s.files.Private("use.lock")); ours != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		raw, err := json.Marshal(layoutFile{Version: layoutVersion})
		if err != nil {
			return err
		}
		if err := s.files.Replace(path, raw, files.Synced); err != nil {
			return err
		}
	}
	if _, err := os.Stat(s.indexPath()); errors.Is(err, fs.ErrNotExist) {
		return s.createIndex()
	}
	return nil
}

// OpenLayout opens an OCI image layout that another program may have written. It is read-only:
// nothing is created, cached or removed. The error for a folder that is not a layout wraps
// fs.ErrNotExist.
func OpenLayout(dir string) (*Store, error) {
	s, err := newStore(dir)
	if err != nil {
		return nil, err
	}
	s.files.ReadOnly = true
	if err := s.checkLayout(); err != nil {
		return nil, fmt.Errorf("opening OCI layout %s: %w", dir, err)
	}
	return s, nil
}

func newStore(dir string) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening store %s: %w", dir, err)
	}
	return &Store{files: files.New(abs), encoders: encoderVersions()}, nil
}

func (s *Store) checkLayout() error {
	path := filepath.Join(s.files.Dir, "oci-layout")
	raw, err := regular.ReadFile(path)
	if err != nil {
		return err
	}
	var l layoutFile
	if err := json.Unmarshal(raw, &l); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if l.Version != layoutVersion {
		return fmt.Errorf("%s has image layout version %q: want %s", path, l.Version, layoutVersion)
	}
	return nil
}

// Close ends the use of the store by this process. On Windows, the folder cannot be removed before.
func (s *Store) Close() error {
	if s.use == nil {
		return nil
	}
	return s.use.lock.Close()
}

// Path returns the path of a blob, whether or not it exists.
func (s *Store) Path(h v1.Hash) string {
	return filepath.Join(s.files.Dir, "blobs", h.Algorithm, h.Hex)
}

// Has reports whether the blob exists.
func (s *Store) Has(h v1.Hash) bool {
	_, ok := s.stat(h)
	return ok
}

// holds reports whether the blob exists with the right size. A blob of wrong size, as after a
// crash, is removed, with a warning.
func (s *Store) holds(ctx context.Context, h v1.Hash, size int64) bool {
	return s.files.HoldsFile(ctx, s.Path(h), files.Mark{Size: size})
}

// stat returns the size of an existing blob, and marks it as used.
func (s *Store) stat(h v1.Hash) (size int64, ok bool) {
	path := s.Path(h)
	info, err := files.StatRegular(path)
	if err != nil {
		return 0, false
	}
	s.files.Touch(path, info)
	return info.Size(), true
}

// Open opens a blob. Its content is not verified; see Verify. The error for a missing blob wraps
// fs.ErrNotExist.
func (s *Store) Open(h v1.Hash) (*os.File, error) {
	f, err := s.files.OpenRegular(s.Path(h))
	if err != nil {
		return nil, fmt.Errorf("opening blob %s in %s: %w", h, s.files.Dir, files.Reason(err))
	}
	return f, nil
}
