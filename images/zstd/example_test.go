package zstd_test

import (
	"bytes"
	"fmt"

	decoder "github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images/zstd"
)

// Write a frame of a header, segments and an end. Any decoder can read it.
func ExampleEncoder() {
	content := bytes.Repeat([]byte("layer "), 1000)
	frame := bytes.NewBuffer(zstd.AppendHeader(nil, uint64(len(content)), false))
	encoder := zstd.NewEncoder(zstd.Best)
	encoder.Begin(frame)
	if _, err := encoder.Write(content); err != nil {
		fmt.Println(err)
		return
	}
	if err := encoder.End(); err != nil {
		fmt.Println(err)
		return
	}
	encoded := zstd.AppendEnd(frame.Bytes())

	d, err := decoder.NewReader(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	decoded, err := d.DecodeAll(encoded, nil)
	fmt.Println(bytes.Equal(decoded, content), len(encoded) < 100, err)
	// Output: true true <nil>
}
