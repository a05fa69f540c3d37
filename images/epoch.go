package images

import (
	"fmt"
	"strconv"
	"time"
)

// ParseEpoch reads a value of SOURCE_DATE_EPOCH, seconds since 1970, UTC
// (https://reproducible-builds.org/specs/source-date-epoch/).
func ParseEpoch(s string) (time.Time, error) {
	seconds, err := strconv.ParseInt(s, 10, 64)
	// Some of the formats that are written cannot represent years after 9999.
	if err != nil || seconds < 0 || seconds > 253402300799 {
		return time.Time{}, fmt.Errorf("%q: want seconds since 1970, such as 1767225600", s)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
