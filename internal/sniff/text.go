package sniff

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Text returns the text in r as UTF-8 without a byte order mark. A text with the byte order mark of
// UTF-16 is converted. UTF-16 without one and UTF-32 are errors, since they would be misread.
func Text(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	head, err := buffered.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if !marksUTF16(head) {
		if err := CheckUTF8(head); err != nil {
			return nil, err
		}
	}
	return transform.NewReader(buffered, unicode.BOMOverride(transform.Nop)), nil
}

// CheckUTF8 returns an error for a text that starts with head and is in another encoding that can
// be detected from its first four bytes: UTF-16 or UTF-32.
func CheckUTF8(head []byte) error {
	head = head[:min(len(head), 4)]
	switch {
	case bytes.Equal(head, []byte("\xff\xfe\x00\x00")), bytes.Equal(head, []byte("\x00\x00\xfe\xff")):
		return errors.New("the text is UTF-32: save it as UTF-8")
	case marksUTF16(head):
		return errors.New("the text is UTF-16: save it as UTF-8")
	case bytes.IndexByte(head, 0) >= 0:
		return errors.New("the text starts with zero bytes, like UTF-16 without a byte order mark: save it as UTF-8")
	}
	return nil
}

// marksUTF16 reports whether head starts with the byte order mark of UTF-16, and not with that of
// UTF-32.
func marksUTF16(head []byte) bool {
	little := bytes.HasPrefix(head, []byte("\xff\xfe")) && !bytes.HasPrefix(head, []byte("\xff\xfe\x00\x00"))
	return little || bytes.HasPrefix(head, []byte("\xfe\xff"))
}
