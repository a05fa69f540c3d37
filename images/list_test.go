package images_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/images"
)

func TestListsInEveryEncoding(t *testing.T) {
	const list = "# head\nrancher/a:v1\n\nrancher/b:v1 # why\nrancher/a:v1\n"
	want := []string{"rancher/a:v1 of line 2", "rancher/b:v1 of line 4"}
	crlf := strings.ReplaceAll(list, "\n", "\r\n")
	for name, raw := range map[string]string{
		"LF":                      list,
		"CRLF":                    crlf,
		"CR":                      strings.ReplaceAll(list, "\n", "\r"),
		"no end of line":          strings.TrimSuffix(list, "\n"),
		"UTF-8 mark":              "\xef\xbb\xbf" + crlf,
		"UTF-16LE of PowerShell":  utf16Of(binary.LittleEndian, "\ufeff"+crlf),
		"UTF-16BE":                utf16Of(binary.BigEndian, "\ufeff"+list),
		"a comment of many bytes": strings.Replace(list, "head", strings.Repeat("x", 200_000), 1),
	} {
		entries, err := images.ReadList(strings.NewReader(raw), "list.txt")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, fmt.Sprintf("%s of line %d", images.Familiar(e.Ref), e.Line))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestListsInUnreadableEncodingsAreNamed(t *testing.T) {
	for want, raw := range map[string]string{
		"UTF-16": utf16Of(binary.LittleEndian, "rancher/a:v1\n"),
		"UTF-32": "\xff\xfe\x00\x00r\x00\x00\x00",
	} {
		_, err := images.ReadList(strings.NewReader(raw), "list.txt")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "list.txt") || !strings.Contains(err.Error(), "UTF-8") {
			t.Errorf("%s: error %v", want, err)
		}
	}
}

func utf16Of(order binary.AppendByteOrder, s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}
