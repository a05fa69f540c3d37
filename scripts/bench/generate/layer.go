package main

import (
	"archive/tar"
	"encoding/binary"
	"io"
	"math/rand/v2"
)

// common is content that all layers have pieces of.
var common = noise(rand.New(rand.NewPCG(0, 0)), 1<<20)

func noise(random *rand.Rand, size int) []byte {
	b := make([]byte, size)
	for i := 0; i+8 <= size; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], random.Uint64())
	}
	return b
}

// layer writes the tar of layer i: one file of size bytes, in blocks of a quarter noise and three quarters pieces of
// common.
func layer(to io.Writer, i int, size int64) error {
	random := rand.New(rand.NewPCG(uint64(i), 1))
	w := tar.NewWriter(to)
	if err := w.WriteHeader(&tar.Header{Name: "content", Mode: 0o644, Size: size}); err != nil {
		return err
	}
	block := make([]byte, 0, 64<<10)
	for size > 0 {
		block = append(block[:0], noise(random, 16<<10)...)
		for len(block) < cap(block) {
			n := min(64+random.IntN(448), cap(block)-len(block))
			at := random.IntN(len(common) - n)
			block = append(block, common[at:at+n]...)
		}
		block = block[:min(int64(len(block)), size)]
		if _, err := w.Write(block); err != nil {
			return err
		}
		size -= int64(len(block))
	}
	return w.Close()
}
