package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A segment is a list of entries.
type segment struct {
	// Replaces are the names of segments whose entries this one has, too, or which were pruned.
	Replaces []string `json:"replaces,omitempty"`
	Entries  []Entry  `json:"entries"`
}

// Limits of what is read from a place, which anybody may have written.
const (
	maxSegment  = 64 << 20 // bytes
	maxSegments = 10_000
	maxEntries  = 1_000_000 // of all segments
)

// segmentEntries is the maximum number of entries of a segment that is written. A registry accepts manifests of 4 MiB,
// which list the blobs of all entries.
const segmentEntries = 8000

// encode returns the content and the name of a segment. Equal segments have the same name.
func (s segment) encode() (raw []byte, name string, err error) {
	slices.SortFunc(s.Entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(s.Replaces)
	if raw, err = json.Marshal(s); err != nil {
		return nil, "", err
	}
	return raw, segmentName(raw), nil
}

func segmentName(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// decodeSegment returns the segment with a name.
func decodeSegment(name string, raw []byte) (segment, error) {
	var s segment
	if got := segmentName(raw); got != name {
		return s, fmt.Errorf("its bytes have the SHA-256 %s", got)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&s); err != nil {
		return s, err
	}
	for _, e := range s.Entries {
		if err := e.check(); err != nil {
			return s, err
		}
	}
	return s, nil
}

// blobs returns the blobs of the entries, each once, ordered by digest.
func (s segment) blobs() []Blob {
	var all []Blob
	for _, e := range s.Entries {
		all = append(all, e.blob())
	}
	slices.SortFunc(all, func(a, b Blob) int { return strings.Compare(a.Digest.Hex, b.Digest.Hex) })
	return slices.Compact(all)
}
