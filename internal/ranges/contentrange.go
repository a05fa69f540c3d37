package ranges

import (
	"fmt"
	"strconv"
	"strings"
)

// parseContentRange returns the first and the last byte of a range and the size of the whole file (RFC 9110, section
// 14.4). A range that is not inside the file, or of a file of unknown size, is an error.
func parseContentRange(text string) (first, last, total int64, err error) {
	invalid := fmt.Errorf("the server sent the Content-Range %q; want bytes FIRST-LAST/SIZE", text)
	unit, rest, _ := strings.Cut(text, " ")
	span, size, ok := strings.Cut(strings.TrimSpace(rest), "/")
	begin, end, both := strings.Cut(span, "-")
	if !ok || !both || !strings.EqualFold(unit, "bytes") {
		return 0, 0, 0, invalid
	}
	for _, number := range []struct {
		text string
		into *int64
	}{{begin, &first}, {end, &last}, {size, &total}} {
		value, err := strconv.ParseUint(number.text, 10, 63)
		if err != nil {
			return 0, 0, 0, invalid
		}
		*number.into = int64(value)
	}
	if first > last || last >= total {
		return 0, 0, 0, invalid
	}
	return first, last, total, nil
}
