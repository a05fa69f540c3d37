package progress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vbauerster/mpb/v8/decor"
)

// screen returns the lines of a terminal of any height after some output: text, newlines, cursor
// up, erase below, and colors, which are all that a display may use.
func screen(t *testing.T, output string) []string {
	t.Helper()
	var lines [][]rune
	row, column := 0, 0
	for rest := output; rest != ""; {
		if m := control.FindStringSubmatch(rest); m != nil {
			n, _ := strconv.Atoi(m[1])
			switch m[2] {
			case "A":
				row -= max(n, 1)
				if row < 0 {
					t.Fatalf("the cursor moves above the first line at %q", rest[:min(len(rest), 40)])
				}
			case "J":
				lines = lines[:min(row, len(lines))]
			case "m":
			default:
				t.Fatalf("unexpected control sequence %q", m[0])
			}
			rest = rest[len(m[0]):]
			continue
		}
		r := []rune(rest)[0]
		rest = rest[len(string(r)):]
		switch r {
		case '\n':
			row, column = row+1, 0
		case '\r':
			column = 0
		default:
			for len(lines) <= row {
				lines = append(lines, nil)
			}
			lines[row] = append(lines[row][:min(column, len(lines[row]))], r)
			column++
		}
	}
	var s []string
	for _, l := range lines {
		s = append(s, strings.TrimRight(string(l), " "))
	}
	return s
}

var control = regexp.MustCompile(`^\x1b\[(\d*)([A-Za-z])`)

// eventually waits until the screen satisfies ok.
func eventually(t *testing.T, read func() string, what string, ok func(lines []string) bool) {
	t.Helper()
	var lines []string
	for range 500 {
		if lines = screen(t, read()); ok(lines) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("never saw %s; the screen is\n%s", what, strings.Join(lines, "\n"))
}

// drive uses all functions of a terminal, and checks the screen. It returns the lines that must
// remain at the end.
func drive(t *testing.T, d *Display, read func() string) []string {
	t.Helper()
	ctx := d.Context(t.Context())
	pull := Start(ctx, "pull base")
	pull.SetTotal(100_000_000)
	pull.Add(50_000_000)
	compile := Start(ctx, "compile slipway")
	eventually(t, read, "a half full bar, a spinner and the counts", func(lines []string) bool {
		all := strings.Join(lines, "\n")
		return regexp.MustCompile(`(?m)^. pull base +━+─+  .*50\.0 MB / 100\.0 MB`).MatchString(all) &&
			regexp.MustCompile(`(?m)^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] compile slipway +\d+\.\ds`).MatchString(all) &&
			strings.HasPrefix(lines[len(lines)-1], "2 running · ")
	})
	var others []*Task
	for i := range 2 * maxRows {
		others = append(others, Start(ctx, fmt.Sprintf("other %02d", i)))
	}
	eventually(t, read, "as many rows as are allowed, and the count of all", func(lines []string) bool {
		return len(lines) == maxRows+1 && strings.HasPrefix(lines[maxRows], fmt.Sprintf("%d running", 2*maxRows+2))
	})
	var want []string
	for _, o := range others {
		o.SetCached()
		o.Done(nil)
		want = append(want, "= "+o.Name+"  cached")
	}
	compile.Line("main.go:1: broken")
	compile.Done(errors.New("exit status 1\nmore"))
	want = append(want, "✗ compile slipway  T  exit status 1", "  │ main.go:1: broken")
	fmt.Fprintln(d, "a logged line")
	want = append(want, "a logged line")
	pull.Warn("the same twice")
	Warn(ctx, "the same twice")
	want = append(want, "warning: the same twice")
	eventually(t, read, "lines above one row and the counts", func(lines []string) bool {
		n := len(lines)
		return n == len(want)+2 && strings.Contains(lines[n-2], "pull base") &&
			strings.HasPrefix(lines[n-1], fmt.Sprintf("1 running · %d cached · 1 failed", 2*maxRows))
	})
	pull.Add(50_000_000)
	pull.Done(nil)
	return append(want, "✓ pull base  T, 100.0 MB")
}

var duration = regexp.MustCompile(`\d+\.\ds`)

func TestTerminalShowsRowsAndLeavesLines(t *testing.T) {
	var b lockedBuffer
	d := New(TTY, &b, Options{})
	want := drive(t, d, b.String)
	d.Close()
	got := screen(t, duration.ReplaceAllString(b.String(), "T"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("remaining on the screen (-want +got):\n%s", diff)
	}
}

func TestTerminalTakesRowsAwayWhenInterrupted(t *testing.T) {
	var b lockedBuffer
	d := New(TTY, &b, Options{})
	task := Start(d.Context(t.Context()), "never ends")
	eventually(t, b.String, "a row", func(lines []string) bool { return len(lines) == 2 })
	d.Close()
	task.Done(nil)
	if got := screen(t, b.String()); len(got) > 0 {
		t.Errorf("left on the screen: %q", got)
	}
}

func TestTerminalOfShortTasksHasNoRows(t *testing.T) {
	var b lockedBuffer
	d := New(TTY, &b, Options{})
	Start(d.Context(t.Context()), "short").Done(nil)
	d.Close()
	if strings.Contains(b.String(), "running") {
		t.Errorf("rows flicker: %q", b.String())
	}
}

func TestSpeedIsThatOfTheLastSeconds(t *testing.T) {
	c := newClock()
	r := &row{running: &running{Task: &Task{}, began: c.now()}, at: c.now()}
	for range 100 {
		c.advance(100 * time.Millisecond)
		r.Add(1_000_000)
		r.sample(c.now())
	}
	if got := r.speed(); got < 9.9e6 || got > 10.1e6 {
		t.Errorf("10 MB/s is seen as %g", got)
	}
	for range 100 {
		c.advance(100 * time.Millisecond)
		r.sample(c.now())
	}
	if got := r.speed(); got > 0.5e6 {
		t.Errorf("10 s without a byte are still %g B/s", got)
	}
}

// The remaining time is the most important information.
func TestRemainingTimeIsNotTruncated(t *testing.T) {
	var b bytes.Buffer
	now := time.Now()
	term := newTerminal(io.Discard, false, func() time.Time { return now })
	defer term.close()
	task := Start(t.Context(), "pull docker.io/rancher/hardened-kubernetes:v1.34.1 windows/amd64")
	task.SetTotal(900_000_000)
	task.Add(100_000_000)
	shown := &row{running: &running{Task: task, began: now.Add(-61 * time.Second)}, name: task.Name}
	shown.rate.Store(math.Float64bits(12_345_678))
	term.names.Store(int64(width(task.Name)))
	for room, want := range map[int][]string{
		120: {"pull docker.io", "1m01s", "100.0 MB / 900.0 MB", "12.3 MB/s", "1m05s left"},
		80:  {"pull docker.io", "1m01s", "100.0 MB / 900.0 MB", "1m05s left"},
		60:  {"pull docker.io", "100.0 MB / 900.0 MB", "1m05s left"},
		40:  {"pull docker.io", "1m05s left"},
		20:  {"1m05s left"},
	} {
		b.Reset()
		if err := term.drawRow(&b, decor.Statistics{AvailableWidth: room}, shown, newBar()); err != nil {
			t.Fatal(err)
		}
		for _, part := range want {
			if !strings.Contains(b.String(), part) {
				t.Errorf("%d cells: missing in %q: %q", room, b.String(), part)
			}
		}
		if width(b.String()) > room {
			t.Errorf("%d cells: %q takes %d", room, b.String(), width(b.String()))
		}
	}
}

func TestRowsFitEveryWidth(t *testing.T) {
	c := newClock()
	task := &Task{Name: "assemble slipway-runtime windows/amd64:10.0.26100.4294"}
	task.SetTotal(2_500_000_000)
	task.Add(1_234_567_890)
	view := &terminal{now: c.now, began: c.now()}
	view.names.Store(int64(width(task.Name)))
	r := &row{running: &running{Task: task, began: c.now()}, name: task.Name, at: c.now()}
	c.advance(time.Second)
	r.sample(c.now())
	for columns := 1; columns <= 200; columns++ {
		var b strings.Builder
		if err := view.drawRow(&b, decor.Statistics{AvailableWidth: columns}, r, newBar()); err != nil {
			t.Fatal(err)
		}
		if got := width(b.String()); got > columns {
			t.Errorf("on %d columns a row takes %d: %q", columns, got, b.String())
		}
		if columns == 120 && !strings.Contains(b.String(), "━") {
			t.Errorf("no bar on %d columns: %q", columns, b.String())
		}
	}
}
