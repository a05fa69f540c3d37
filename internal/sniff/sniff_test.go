package sniff_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/slipway-build/slipway/internal/sniff"
)

const content = "what the stream holds"

func TestOpenTellsACompressionByItsBytes(t *testing.T) {
	zstdFrame := zstdOf(t, content)
	for name, tt := range map[string]struct {
		stream []byte
		want   sniff.Compression
	}{
		"plain":                  {[]byte(content), sniff.None},
		"shorter than a block":   {[]byte("x"), sniff.None},
		"gzip":                   {gzipOf(t, content), sniff.Gzip},
		"gzip of three members":  {slices.Concat(gzipOf(t, content[:5]), gzipOf(t, content[5:9]), gzipOf(t, content[9:])), sniff.Gzip},
		"gzip, an empty member":  {append(gzipOf(t, ""), gzipOf(t, content)...), sniff.Gzip},
		"gzip and padding":       {append(gzipOf(t, content), make([]byte, 100_000)...), sniff.Gzip},
		"zstd":                   {zstdFrame, sniff.Zstd},
		"zstd, two frames":       {append(zstdOf(t, content[:5]), zstdOf(t, content[5:])...), sniff.Zstd},
		"zstd, skippable 0x50":   {append(skippable(0x50, 0), zstdFrame...), sniff.Zstd},
		"zstd, skippable 0x5f":   {append(skippable(0x5f, 2000), zstdFrame...), sniff.Zstd},
		"zstd, skippable behind": {append(zstdFrame[:len(zstdFrame):len(zstdFrame)], skippable(0x5e, 9)...), sniff.Zstd},
		"xz":                     {xzOf(t, content), sniff.Xz},
	} {
		t.Run(name, func(t *testing.T) {
			got, r, err := sniff.Open(bytes.NewReader(tt.stream))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			want := content
			if name == "shorter than a block" {
				want = "x"
			}
			text, err := io.ReadAll(r)
			if got != tt.want || string(text) != want || err != nil {
				t.Errorf("Open: %s, %q, %v; want %s", got, text, err, tt.want)
			}
			padding := int64(0)
			if name == "gzip and padding" {
				padding = 100_000
			}
			if got := sniff.Padding(r); got != padding {
				t.Errorf("Padding: %d, want %d", got, padding)
			}
		})
	}
}

func TestGzipIsReadAByteAtATimeAndByWriteTo(t *testing.T) {
	stream := append(append(gzipOf(t, content[:5]), gzipOf(t, content[5:])...), 0, 0, 0)
	_, r, err := sniff.Open(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if _, err := io.Copy(&out, r); out.String() != content || err != nil {
		t.Errorf("copied %q, %v", out.String(), err)
	}
	_, r, err = sniff.Open(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(oneByte{r})
	if string(text) != content || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
	_, r, err = sniff.Open(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	text = make([]byte, len(content))
	if _, err := io.ReadFull(r, text); string(text) != content || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
}

type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(len(p), 1)]) }

func TestBytesAfterGzipMustBeAMemberOrZeros(t *testing.T) {
	cut := gzipOf(t, content)
	for name, tail := range map[string][]byte{
		"junk":          []byte("junk"),
		"zeros, junk":   append(make([]byte, 99_999), 1),
		"cut header":    cut[:4],
		"cut body":      cut[:len(cut)-9],
		"wrong digest":  append(cut[:len(cut)-8:len(cut)-8], 1, 2, 3, 4, 5, 6, 7, 8),
		"one byte 0x1f": {0x1f},
	} {
		t.Run(name, func(t *testing.T) {
			_, r, err := sniff.Open(bytes.NewReader(append(gzipOf(t, content), tail...)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(r); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestLz4IsNamed(t *testing.T) {
	c, _, err := sniff.Open(strings.NewReader("\x04\x22\x4d\x18rest"))
	if c != sniff.Lz4 || err == nil || !strings.Contains(err.Error(), "lz4") {
		t.Errorf("%s, %v", c, err)
	}
}

func TestAWindowIsBounded(t *testing.T) {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithWindowSize(2*(128<<20)), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	// Written in two parts, so that the size of the content does not limit the window.
	for range 2 {
		if _, err := io.CopyN(w, zeros{}, 1<<20); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, r, err := sniff.Open(&b)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		r.Close()
	}
	if !errors.Is(err, zstd.ErrWindowSizeExceeded) {
		t.Errorf("error %v, want %v", err, zstd.ErrWindowSizeExceeded)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestTarIsRecognizedByEveryFirstHeader(t *testing.T) {
	long := strings.Repeat("long/", 40) + "name"
	for name, h := range map[string]*tar.Header{
		"ustar":            {Name: "a", Format: tar.FormatUSTAR},
		"PAX":              {Name: "a", Format: tar.FormatPAX, PAXRecords: map[string]string{"VENDOR.key": "value"}},
		"PAX global":       {Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": strings.Repeat("c", 40)}},
		"GNU long name":    {Name: long, Format: tar.FormatGNU},
		"GNU long link":    {Name: "a", Typeflag: tar.TypeSymlink, Linkname: long, Format: tar.FormatGNU},
		"folder":           {Name: "./", Typeflag: tar.TypeDir},
		"named like bzip2": {Name: "BZh91AY"},
		"named like gzip":  {Name: "\x1f\x8b\x08", Format: tar.FormatGNU},
		"named like zstd":  {Name: "\x28\xb5\x2f\xfd", Format: tar.FormatGNU},
	} {
		t.Run(name, func(t *testing.T) { isTar(t, tarOf(t, h)) })
	}
	t.Run("v7", func(t *testing.T) { isTar(t, v7("old", false)) })
	t.Run("v7, signed checksum", func(t *testing.T) { isTar(t, v7("\xe4lt", true)) })
	t.Run("without files", func(t *testing.T) { isTar(t, make([]byte, 1024)) })
	t.Run("of GNU tar", func(t *testing.T) {
		out, err := exec.Command("tar", "--format=v7", "-c", "doc.go").Output()
		if err != nil {
			t.Skipf("tar: %v", err)
		}
		isTar(t, out)
	})
}

func isTar(t *testing.T, stream []byte) {
	t.Helper()
	if !sniff.IsTar(stream) {
		t.Error("not taken for a tar")
	}
	if c := sniff.CompressionOf(stream[:sniff.HeadLen]); c != sniff.None {
		t.Errorf("taken for %s", c)
	}
}

func TestIsTarRefuses(t *testing.T) {
	good := v7("name", false)
	changed := bytes.Clone(good)
	changed[1] ^= 1
	for name, stream := range map[string][]byte{
		"nothing":          nil,
		"half a block":     good[:300],
		"a wrong checksum": changed,
		"text":             bytes.Repeat([]byte("text "), 200),
		"gzip":             gzipOf(t, strings.Repeat(content, 100)),
	} {
		if sniff.IsTar(stream) {
			t.Errorf("%s was taken for a tar", name)
		}
	}
}

func TestTextIsUTF8(t *testing.T) {
	const text = "rancher/x:v1\r\nä\n"
	for name, raw := range map[string]string{
		"plain":                text,
		"byte order mark":      "\xef\xbb\xbf" + text,
		"UTF-16 little-endian": "\xff\xfe" + utf16(binary.LittleEndian, text),
		"UTF-16 big-endian":    "\xfe\xff" + utf16(binary.BigEndian, text),
	} {
		r, err := sniff.Text(strings.NewReader(raw))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := io.ReadAll(r); string(got) != text || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, raw := range map[string]string{
		"empty": "", "one byte": "x", "Latin-1 stays": "\xe4", "mark alone": "\xef\xbb\xbf",
	} {
		r, err := sniff.Text(strings.NewReader(raw))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := io.ReadAll(r); string(got) != strings.TrimPrefix(raw, "\xef\xbb\xbf") || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, raw := range map[string]string{
		"UTF-16": utf16(binary.LittleEndian, text),
		"UTF-32": "\xff\xfe\x00\x00a\x00\x00\x00",
	} {
		if _, err := sniff.Text(strings.NewReader(raw)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestCheckUTF8(t *testing.T) {
	const text = "FROM scratch\n"
	for raw, want := range map[string]string{
		text: "", "": "", "\xef\xbb\xbf" + text: "",
		"\xff\xfe" + utf16(binary.LittleEndian, text): "UTF-16", "\xfe\xff" + utf16(binary.BigEndian, text): "UTF-16",
		utf16(binary.BigEndian, text): "UTF-16", "\xff\xfe\x00\x00F\x00\x00\x00": "UTF-32",
	} {
		err := sniff.CheckUTF8([]byte(raw))
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", raw, err, want)
		}
	}
}

func utf16(order binary.AppendByteOrder, s string) string {
	var b []byte
	for _, r := range s {
		b = order.AppendUint16(b, uint16(r))
	}
	return string(b)
}

func gzipOf(t *testing.T, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, s)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstdOf(t *testing.T, s string) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll([]byte(s), nil)
}

func xzOf(t *testing.T, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(w, s)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// skippable returns a zstd frame that decoders skip.
func skippable(magic byte, size int) []byte {
	b := append([]byte{magic, 0x2a, 0x4d, 0x18}, make([]byte, 4+size)...)
	binary.LittleEndian.PutUint32(b[4:], uint32(size))
	return b
}

func tarOf(t *testing.T, h *tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := errors.Join(w.WriteHeader(h), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// v7 returns a header in the format before ustar. Programs with signed characters computed the
// checksum from signed bytes.
func v7(name string, signed bool) []byte {
	b := make([]byte, 512)
	copy(b, name)
	copy(b[100:], "0000644\x000000000\x000000000\x0000000000000\x0000000000000\x00")
	copy(b[148:], "        ")
	sum := 0
	for _, c := range b {
		if signed {
			sum += int(int8(c))
		} else {
			sum += int(c)
		}
	}
	copy(b[148:], []byte(octal(sum)))
	return b
}

func octal(n int) string {
	digits := []byte("000000\x00 ")
	for i := 5; i >= 0; i-- {
		digits[i] = byte('0' + n&7)
		n >>= 3
	}
	return string(digits)
}

// Content that is followed by other bytes is returned completely, and the error reports the bytes.
func TestBytesAfterTheEndAreReported(t *testing.T) {
	// "content", compressed with bzip2, which the standard library does not write.
	bzip, err := base64.StdEncoding.DecodeString("QlpoOTFBWSZTWSMNyv0AAAABgAoBhAAgACGDQZoBUwuLuSKcKEgRhuV+gA==")
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, stream := range map[string][]byte{
		"gzip": gzipOf(t, "content"), "zstd": encoder.EncodeAll([]byte("content"), nil), "bzip2": bzip,
	} {
		for _, trailer := range []string{"trailer", "\x00\x00\x00\x01", "\x1f\x8b\x00\x00"} {
			for _, way := range []string{"Read", "WriteTo"} {
				_, r, err := sniff.Open(strings.NewReader(string(stream) + trailer))
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				var out strings.Builder
				if way == "Read" {
					_, err = io.Copy(&out, struct{ io.Reader }{r})
				} else {
					_, err = io.Copy(&out, r)
				}
				if out.String() != "content" || !errors.Is(err, sniff.ErrTrailing) {
					t.Errorf("%s, %q, %s: read %q, %v", name, trailer, way, out.String(), err)
				}
			}
		}
	}
}
