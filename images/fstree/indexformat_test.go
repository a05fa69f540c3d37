package fstree

import (
	"archive/tar"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIndexKeepsEveryByte(t *testing.T) {
	want := []Header{
		{},
		{Name: "bin/tool", Type: tar.TypeReg, Mode: 0o6755, UID: 1, GID: 70000, Size: 1 << 40, ModTime: 1700000000},
		{Name: "caf\xe9\x00\n", Type: tar.TypeSymlink, Link: "\xff\xfe"},
		{Name: "dev/x", Type: tar.TypeChar, Major: math.MaxInt64, Minor: math.MinInt64, ModTime: -1, UID: -1},
		{Name: "all", Type: tar.TypeReg, Xattrs: map[string]string{"security.capability": "\x01\x00\x00\x02\x80\xff", "": "", "user.\xe4": "x"}},
	}
	var index []byte
	for i := range want {
		index = AppendHeader(index, &want[i])
	}
	got, err := ParseHeaders(string(index))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	last := AppendHeader(nil, &want[len(want)-1])
	for cut := 1; cut < len(last); cut++ {
		if _, err := ParseHeaders(string(index[:len(index)-cut])); err == nil {
			t.Fatalf("an index without its last %d bytes was read", cut)
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(AppendHeader(nil, &Header{Name: "a", Type: tar.TypeReg, Xattrs: map[string]string{"b": "c"}}))
	f.Add([]byte("\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, index []byte) {
		headers, err := ParseHeaders(string(index))
		if err != nil {
			return
		}
		var again []byte
		for i := range headers {
			again = AppendHeader(again, &headers[i])
		}
		if _, err := ParseHeaders(string(again)); err != nil {
			t.Errorf("what was parsed and written again cannot be read: %v", err)
		}
	})
}

func BenchmarkReadIndex(b *testing.B) {
	var index []byte
	for range 100_000 {
		index = AppendHeader(index, &Header{Name: "usr/share/doc/some-package/examples/file.txt", Type: tar.TypeReg, Mode: 0o644, Size: 4321, ModTime: 1700000000})
	}
	text := string(index)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := ParseHeaders(text); err != nil {
			b.Fatal(err)
		}
	}
}
