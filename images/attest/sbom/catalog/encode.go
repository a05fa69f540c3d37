package catalog

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/slipway-build/slipway/images/fstree"
)

// Version belongs into the key under which a Layer is stored. It must change whenever the results of Read or the format
// of Encode change.
const Version = "1 " + fstree.IndexVersion

// Encode writes l: the length of the headers, the headers as in an index of package fstree, the number of digests, an
// index and the bytes for each, and the facts in JSON.
func (l *Layer) Encode(w io.Writer) error {
	var headers []byte
	for i := range l.Headers {
		headers = fstree.AppendHeader(headers, &l.Headers[i])
	}
	out := binary.AppendUvarint(nil, uint64(len(headers)))
	out = append(out, headers...)
	out = binary.AppendUvarint(out, uint64(len(l.Digests)))
	for _, i := range slices.Sorted(maps.Keys(l.Digests)) {
		d := l.Digests[i]
		out = binary.AppendUvarint(out, uint64(i))
		out = append(append(out, d.SHA1[:]...), d.SHA256[:]...)
	}
	facts, err := json.Marshal(l.Facts)
	if err != nil {
		return err
	}
	_, err = w.Write(append(out, facts...))
	return err
}

var errDamaged = errors.New("the facts of the layer are damaged")

// Decode reads what Encode wrote.
func Decode(raw []byte) (*Layer, error) {
	size, n := binary.Uvarint(raw)
	if n <= 0 || size > uint64(len(raw)-n) {
		return nil, errDamaged
	}
	headers, err := fstree.ParseHeaders(string(raw[n:][:size]))
	if err != nil {
		return nil, err
	}
	raw = raw[uint64(n)+size:]
	count, n := binary.Uvarint(raw)
	if n <= 0 || count > uint64(len(headers)) {
		return nil, errDamaged
	}
	raw = raw[n:]
	l := &Layer{Headers: headers, Digests: make(map[int]Digests, count)}
	for range count {
		var d Digests
		i, n := binary.Uvarint(raw)
		if n <= 0 || i >= uint64(len(headers)) || len(raw)-n < len(d.SHA1)+len(d.SHA256) {
			return nil, errDamaged
		}
		raw = raw[n:]
		raw = raw[copy(d.SHA1[:], raw):]
		raw = raw[copy(d.SHA256[:], raw):]
		l.Digests[int(i)] = d
	}
	if err := json.Unmarshal(raw, &l.Facts); err != nil {
		return nil, errDamaged
	}
	return l, nil
}
