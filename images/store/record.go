package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cespare/xxhash/v2"
)

// Kinds of records that the store itself keeps.
const (
	blobKind    = "blob"    // digest -> BlobInfo
	layerKind   = "layer"   // Layer's key and compression -> BlobInfo
	derivedKind = "derived" // path of a derived file -> its fileMark
)

// Record returns what SetRecord remembered under kind and key. A record may be
// forgotten at any time: by Prune, because the machine crashed, or because its file
// was damaged, of which there is a warning.
func (s *Store) Record(ctx context.Context, kind, key string) ([]byte, bool) {
	value, err := s.readRecord(kind, key)
	warnOf(ctx, err)
	return value, err == nil
}

// readRecord reads the file of a record: <checksum in hex>\n<value>.
func (s *Store) readRecord(kind, key string) ([]byte, error) {
	path := s.recordPath(kind, key)
	f, err := s.openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err != nil {
		return nil, s.unreadable(path, f, err)
	}
	sum, value, ok := bytes.Cut(raw, []byte("\n"))
	switch {
	case ok && string(sum) == recordSum(kind, key, value):
		return value, nil
	case len(sum) == formerSum:
		return nil, fs.ErrNotExist // to be written anew
	}
	f.Close() // Windows removes no open file
	return nil, s.damaged(path, errors.New("its checksum is wrong"))
}

// maxRecord is how many bytes of a record are read.
const maxRecord = 64 << 20

// SetRecord remembers a small value. kind is a plain word, which names a folder;
// key may be anything.
func (s *Store) SetRecord(kind, key string, value []byte) error {
	if s.readOnly {
		return nil
	}
	content := append([]byte(recordSum(kind, key, value)+"\n"), value...)
	if err := s.replace(s.recordPath(kind, key), content, unsynced); err != nil {
		return fmt.Errorf("remembering %s %q in %s: %w", kind, key, s.dir, err)
	}
	return nil
}

// formerSum is how many digits the checksum had when it did not cover kind and key.
const formerSum = 8

// recordSum is the checksum of a record, which tells it from every other one too: a
// file may be replaced by that of another key.
func recordSum(kind, key string, value []byte) string {
	h := xxhash.New()
	fmt.Fprintf(h, "%q %q\n", kind, key)
	h.Write(value)
	return fmt.Sprintf("%016x", h.Sum64())
}

func (s *Store) recordPath(kind, key string) string {
	return s.private("records", kind, hashedName(key))
}

// hashedName is a file name for any key, spread over 256 folders.
func hashedName(key string) string {
	h := sha256.Sum256([]byte(key))
	name := hex.EncodeToString(h[:])
	return filepath.Join(name[:2], name)
}

// recall reads a record of JSON.
func recall[T any](ctx context.Context, s *Store, kind, key string) (value T, ok bool) {
	raw, ok := s.Record(ctx, kind, key)
	if !ok || json.Unmarshal(raw, &value) != nil {
		return value, false
	}
	return value, true
}

// remember writes a record of JSON.
func remember[T any](s *Store, kind, key string, value T) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return s.SetRecord(kind, key, raw)
}

// touchAge is how exactly the time of last use is known. A coarse one saves
// nearly every call.
const touchAge = 5 * time.Minute

// touch marks a file as used, for Prune. Access times will not do: most file
// systems are mounted with relatime or noatime. An output is not pruned.
func (s *Store) touch(path string, info os.FileInfo) {
	if s.readOnly || s.output {
		return
	}
	if now := time.Now(); now.Sub(info.ModTime()) > touchAge {
		os.Chtimes(path, now, now)
	}
}
