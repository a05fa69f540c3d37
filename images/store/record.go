package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"
)

// Kinds of records that the store itself keeps.
const (
	blobKind    = "blob"    // digest -> BlobInfo
	layerKind   = "layer"   // Layer's key and compression -> BlobInfo
	derivedKind = "derived" // path of a derived file -> its size
)

// Record returns what SetRecord remembered under kind and key. A record may be
// forgotten at any time: by Prune, or because the machine crashed.
func (s *Store) Record(kind, key string) ([]byte, bool) {
	path := s.recordPath(kind, key)
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	// <CRC-32 of the value in hex>\n<value>: a file that a crash cut or zeroed
	// is no record.
	head, value, ok := bytes.Cut(raw, []byte("\n"))
	if !ok || string(head) != recordSum(value) {
		return nil, false
	}
	if info, err := os.Stat(path); err == nil {
		s.touch(path, info)
	}
	return value, true
}

// SetRecord remembers a small value. kind is a plain word, which names a folder;
// key may be anything.
func (s *Store) SetRecord(kind, key string, value []byte) error {
	if s.readOnly {
		return nil
	}
	content := append([]byte(recordSum(value)+"\n"), value...)
	if err := s.replace(s.recordPath(kind, key), content, unsynced); err != nil {
		return fmt.Errorf("remembering %s %q in %s: %w", kind, key, s.dir, err)
	}
	return nil
}

func recordSum(value []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(value)) }

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
func recall[T any](s *Store, kind, key string) (value T, ok bool) {
	raw, ok := s.Record(kind, key)
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
// systems are mounted with relatime or noatime.
func (s *Store) touch(path string, info os.FileInfo) {
	if s.readOnly {
		return
	}
	if now := time.Now(); now.Sub(info.ModTime()) > touchAge {
		os.Chtimes(path, now, now)
	}
}
