package progress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func TestNoModeShowsSecrets(t *testing.T) {
	const url = "https://me:pa55word@host.example/x"
	for _, mode := range modes() {
		var out bytes.Buffer
		display := New(mode, &out, Options{Verbose: true, Getenv: func(string) string { return "" }})
		ctx := display.Context(context.Background())
		task := Start(ctx, "fetch "+url)
		task.Line("GET " + url)
		task.Warn("slow: " + url)
		Warn(ctx, "again: "+url)
		fmt.Fprintf(display, "log %s\n", url)
		err := fmt.Errorf("fetching %s: %w", url, fs.ErrNotExist)
		task.Done(err)
		display.Close()
		WriteFailure(mode, &out, func(string) string { return "" }, "slipway", err)
		if strings.Contains(out.String(), "pa55word") {
			t.Errorf("%s shows a password:\n%s", mode, out.String())
		}
	}
}

func TestErrorOfATaskUnwraps(t *testing.T) {
	sink := &recorder{}
	task := Start(With(t.Context(), sink), "x")
	task.Done(fmt.Errorf("https://me:pa55word@host: %w", fs.ErrNotExist))
	if !errors.Is(sink.err, fs.ErrNotExist) {
		t.Errorf("%v", sink.err)
	}
}

type recorder struct{ err error }

func (r *recorder) Started(*Task)               {}
func (r *recorder) Line(*Task, string)          {}
func (r *recorder) Warning(string)              {}
func (r *recorder) Finished(_ *Task, err error) { r.err = err }
