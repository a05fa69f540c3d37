package catalog

import (
	"archive/tar"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"

	"github.com/slipway-build/slipway/images/fstree"
)

// Version belongs into the key under which a Layer is stored. It must change whenever the results of Read or the format
// of Encode change.
const Version = "3 " + fstree.IndexVersion

// Encode writes l: the length of the headers, the headers as in an index of package fstree, the digests of each regular
// file, and the facts in JSON.
func (l *Layer) Encode(w io.Writer) error {
	var headers, digests []byte
	for i := range l.Headers {
		headers = fstree.AppendHeader(headers, &l.Headers[i])
		if l.Headers[i].Type == tar.TypeReg {
			digests = append(append(digests, l.Digests[i].SHA1[:]...), l.Digests[i].SHA256[:]...)
		}
	}
	facts, err := json.Marshal(l.Facts)
	if err != nil {
		return err
	}
	for _, part := range [][]byte{binary.AppendUvarint(nil, uint64(len(headers))), headers, digests, facts} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
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
	l := &Layer{Headers: headers, Digests: make([]Digests, len(headers))}
	for i := range headers {
		if headers[i].Type != tar.TypeReg {
			continue
		}
		d := &l.Digests[i]
		if len(raw) < len(d.SHA1)+len(d.SHA256) {
			return nil, errDamaged
		}
		raw = raw[copy(d.SHA1[:], raw):]
		raw = raw[copy(d.SHA256[:], raw):]
	}
	if err := json.Unmarshal(raw, &l.Facts); err != nil {
		return nil, errDamaged
	}
	return l, nil
}
