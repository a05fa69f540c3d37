package fetch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/filestate"
	"github.com/slipway-build/slipway/internal/regular"
)

// A record has the state of the files of a place, by their path below it, with slashes; "." is the place itself. A
// damaged record counts as missing.
type record struct {
	Files map[string]placed `json:"files"`
}

type placed struct {
	filestate.State
	Mode fs.FileMode `json:"mode"`
}

// recordFormat is part of the name of each record. Change it when the meaning of records, or unpacking, changes.
const recordFormat = "slipway fetch 1"

// recordFile returns the path of the record of a place with this content.
func (f *Fetcher) recordFile(file File) string {
	file.At, file.URL = "", ""
	key, err := json.Marshal(struct {
		Format string
		File   File
	}{recordFormat, file})
	if err != nil {
		panic(err) // text, numbers and lists of text
	}
	sum := sha256.Sum256(key)
	return filepath.Join(f.Cache, hex.EncodeToString(sum[:16])+".json")
}

func readRecord(name string) record {
	var r record
	data, err := regular.ReadFile(name)
	if err != nil || json.Unmarshal(data, &r) != nil {
		return record{}
	}
	return r
}

// add records the current state of a file of a place.
func (r *record) add(place, path string) error {
	info, err := os.Lstat(filepath.Join(place, filepath.FromSlash(path)))
	if err != nil {
		return err
	}
	if r.Files == nil {
		r.Files = map[string]placed{}
	}
	r.Files[path] = placed{filestate.Of(info), info.Mode()}
	return nil
}

// holds reports whether the state of all files of a place is the recorded one.
func (r record) holds(place string) bool {
	for path, p := range r.Files {
		info, err := os.Lstat(filepath.Join(place, filepath.FromSlash(path)))
		if err != nil || (placed{filestate.Of(info), info.Mode()}) != p {
			return false
		}
	}
	return len(r.Files) > 0
}

// removeRest removes the files of a place that are in r but not in now.
func (r record) removeRest(place string, now record) error {
	var errs []error
	for path := range r.Files {
		if _, ok := now.Files[path]; !ok {
			errs = append(errs, fileop.RemoveIfThere(filepath.Join(place, filepath.FromSlash(path))))
		}
	}
	return errors.Join(errs...)
}

func (r record) write(name string) error {
	data, err := json.Marshal(r)
	if err == nil {
		err = atomicfile.WriteFile(name, data)
	}
	if err != nil {
		return fmt.Errorf("writing the record: %w", err)
	}
	return nil
}
