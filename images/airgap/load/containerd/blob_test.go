package containerd

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// A source that ends too early, with io.ErrUnexpectedEOF, is not a layer that ends.
func TestSend(t *testing.T) {
	long := strings.Repeat("layer", writeSize) + "end"
	for _, c := range []struct {
		name string
		end  error
	}{
		{"a whole layer", io.EOF},
		{"a source that is cut", io.ErrUnexpectedEOF},
		{"a source that fails", errors.New("disk error")},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got bytes.Buffer
			err := send(&got, io.MultiReader(strings.NewReader(long), iotest.ErrReader(c.end)))
			if c.end == io.EOF {
				if err != nil || got.String() != long {
					t.Errorf("%d bytes and %v, want %d", got.Len(), err, len(long))
				}
			} else if !errors.Is(err, c.end) {
				t.Errorf("error %v, want %v", err, c.end)
			}
		})
	}
}
