package progress

import (
	"fmt"
	"io"
	"time"
)

// WriteFailure writes the final error of a command: an "error" event in mode JSON, so that a
// program needs to read only one stream; annotations in mode GitHub, one for each place that the error
// names; and "PROGRAM: …" in other modes. mode may be Auto. The display must have been closed.
func WriteFailure(mode Mode, w io.Writer, getenv func(string) string, program string, err error) {
	err = Presentable(err)
	switch Resolve(mode, w, getenv) {
	case JSON:
		newJSONLines(w, time.Now).write(Event{Event: "error", Error: err.Error()})
	case GitHub:
		for _, line := range annotations(getenv("GITHUB_WORKSPACE"), err.Error()) {
			fmt.Fprintln(w, line)
		}
	default:
		fmt.Fprintf(w, "%s: %v\n", program, err)
	}
}
