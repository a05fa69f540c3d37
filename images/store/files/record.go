package files

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

// derivedKind is the kind of the records of derived files: path -> fileMark.
const derivedKind = "derived"

// Record returns the value that SetRecord stored under kind and key. A record may disappear at any
// time: through Prune, after a crash, or because its file was damaged, with a warning.
func (s *Folder) Record(ctx context.Context, kind, key string) ([]byte, bool) {
	value, err := s.ReadRecord(kind, key)
	if err == nil {
		return value, true
	}
	WarnOf(ctx, err)
	return s.sharedRecord(ctx, kind, key)
}

// ReadRecord reads the file of a record: <checksum in hex>\n<value>.
func (s *Folder) ReadRecord(kind, key string) ([]byte, error) {
	path := s.recordPath(kind, key)
	f, err := s.OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err != nil {
		return nil, s.Unreadable(path, f, err)
	}
	sum, value, ok := bytes.Cut(raw, []byte("\n"))
	switch {
	case ok && string(sum) == recordSum(kind, key, value):
		return value, nil
	case len(sum) == formerSum:
		return nil, fs.ErrNotExist // to be written again
	}
	f.Close() // Windows does not remove open files
	return nil, s.Damaged(path, errors.New("wrong checksum"))
}

// maxRecord limits the size of a record, in bytes.
const maxRecord = 64 << 20

// SetRecord stores a small value. kind is a plain word, which names a folder; key may be anything.
func (s *Folder) SetRecord(kind, key string, value []byte) error {
	if s.ReadOnly {
		return nil
	}
	if err := s.writeRecord(kind, key, value); err != nil {
		return err
	}
	s.shareRecord(kind, key)
	return nil
}

func (s *Folder) writeRecord(kind, key string, value []byte) error {
	content := append([]byte(recordSum(kind, key, value)+"\n"), value...)
	if err := s.Replace(s.recordPath(kind, key), content, Unsynced); err != nil {
		return fmt.Errorf("storing record %s %q in %s: %w", kind, key, s.Dir, err)
	}
	return nil
}

// formerSum is the number of digits of checksums that did not cover kind and key.
const formerSum = 8

// recordSum returns the checksum of a record. It covers kind and key, so a record's file cannot be
// mistaken for another one's.
func recordSum(kind, key string, value []byte) string {
	h := xxhash.New()
	fmt.Fprintf(h, "%q %q\n", kind, key)
	h.Write(value)
	return fmt.Sprintf("%016x", h.Sum64())
}

func (s *Folder) recordPath(kind, key string) string {
	return s.Private("records", kind, hashedName(key))
}

// hashedName returns a file name for any key, distributed over 256 folders.
func hashedName(key string) string {
	h := sha256.Sum256([]byte(key))
	name := hex.EncodeToString(h[:])
	return filepath.Join(name[:2], name)
}

// Recall reads a record in JSON.
func Recall[T any](ctx context.Context, s *Folder, kind, key string) (value T, ok bool) {
	raw, ok := s.Record(ctx, kind, key)
	if !ok || json.Unmarshal(raw, &value) != nil {
		return value, false
	}
	return value, true
}

// Remember writes a record in JSON.
func Remember[T any](s *Folder, kind, key string, value T) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return s.SetRecord(kind, key, raw)
}

// touchAge is the accuracy of the time of last use. A coarse one avoids nearly all calls.
const touchAge = 5 * time.Minute

// Touch marks a file as used, for Prune. Access times are not sufficient: most file systems are
// mounted with relatime or noatime. An output is not pruned.
func (s *Folder) Touch(path string, info os.FileInfo) {
	if s.ReadOnly || s.Output {
		return
	}
	if now := time.Now(); now.Sub(info.ModTime()) > touchAge {
		os.Chtimes(path, now, now)
	}
}
