package progress

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

const (
	// maxRows limits the number of tasks with a row of their own. Others are counted in the last
	// row.
	maxRows = 10
	// patience is the delay before a task gets a row. Most tasks are shorter and would only
	// flicker.
	patience = 200 * time.Millisecond
)

// terminal shows tasks in rows at the bottom of a terminal, using mpb, and writes one line for each
// finished task above them. mpb neither hides the cursor nor changes terminal settings, so nothing
// has to be restored if the process is killed.
//
// Goroutines of mpb draw the rows while the caller of the view may be waiting for mpb. Drawing
// therefore takes no lock and only reads atomics.
type terminal struct {
	progress *mpb.Progress
	now      func() time.Time
	began    time.Time
	styled   bool
	rows     map[*Task]*row
	last     *mpb.Bar     // the row with counts
	names    atomic.Int64 // columns of the longest shown name
	counts   counts
}

// counts are shown in the last row.
type counts struct{ running, done, cached, failed atomic.Int64 }

// A row is a task that is shown.
type row struct {
	*running
	bar  *mpb.Bar
	name string
	// rate is the recent speed in bytes per second, as float64 bits.
	rate atomic.Uint64
	// sampled and at are the bytes done at the last sample, and its time.
	sampled int64
	at      time.Time
}

func newTerminal(w io.Writer, styled bool, now func() time.Time) *terminal {
	return &terminal{
		// Terminals refresh automatically; this is for --progress=tty with a file or a pipe.
		progress: mpb.New(mpb.WithOutput(w), mpb.WithAutoRefresh(), mpb.WithRefreshRate(100*time.Millisecond)),
		now:      now, began: now(), styled: styled, rows: map[*Task]*row{},
	}
}

func (t *terminal) started(*running) { t.counts.running.Add(1) }

func (t *terminal) line(r *running, line string) {
	t.write(t.style(dim, printable(r.Name)+" │") + " " + printable(line))
}

func (t *terminal) finished(e end) {
	t.counts.running.Add(-1)
	if r := t.rows[e.Task]; r != nil {
		delete(t.rows, e.Task)
		r.bar.Abort(true)
	}
	var s string
	name := printable(e.Name)
	switch {
	case e.failed():
		t.counts.failed.Add(1)
		s = t.style(red, "✗ "+name) + "  " + FormatDuration(e.lasts) + "  " + printable(e.brief())
	case e.err != nil:
		s = t.style(dim, "- "+name+"  stopped")
	case e.Cached():
		t.counts.cached.Add(1)
		s = t.style(dim, "= "+name+"  cached")
	default:
		t.counts.done.Add(1)
		s = t.style(green, "✓") + " " + name + "  " + t.style(dim, cost(e))
	}
	for _, line := range e.output {
		s += "\n  " + t.style(dim, "│") + " " + printable(line)
	}
	t.write(s)
}

func (t *terminal) warning(message string) {
	lines := warningLines(message)
	lines[0] = t.style(yellow, lines[0])
	t.write(strings.Join(lines, "\n"))
}

func (t *terminal) log(line string) { t.write(printable(line)) }

// write writes complete lines above the rows. An error means that mpb has given up on the terminal,
// so it cannot be reported there.
func (t *terminal) write(s string) { _, _ = io.WriteString(t.progress, s+"\n") }

func (t *terminal) tick(rs []*running) {
	now := t.now()
	for _, r := range rs {
		if shown := t.rows[r.Task]; shown != nil {
			shown.sample(now)
		} else if len(t.rows) < maxRows && now.Sub(r.began) >= patience {
			t.show(r, now)
		}
	}
	longest := 0
	for _, r := range t.rows {
		longest = max(longest, width(r.name))
	}
	t.names.Store(int64(longest))
}

func (t *terminal) show(r *running, now time.Time) {
	done, _ := r.Bytes()
	shown := &row{running: r, name: printable(r.Name), sampled: done, at: now}
	filler := newBar()
	shown.bar = t.add(r.id, func(w io.Writer, stat decor.Statistics) error { return t.drawRow(w, stat, shown, filler) })
	if t.last == nil {
		t.last = t.add(math.MaxInt32, t.drawCounts)
	}
	if shown.bar == nil || t.last == nil {
		return
	}
	t.rows[r.Task] = shown
}

func newBar() mpb.BarFiller {
	return mpb.BarStyle().Lbound("").Rbound("").Filler("━").Tip("━").Padding("─").Build()
}

// add adds a row; lower priorities are further up. It returns nil if mpb has given up on the
// terminal.
func (t *terminal) add(priority int, draw mpb.BarFillerFunc) *mpb.Bar {
	bar, err := t.progress.Add(0, draw, mpb.BarPriority(priority), mpb.BarFillerTrim())
	if err != nil {
		return nil
	}
	return bar
}

// sample updates the recent speed: an exponential moving average with a half-life of 2 s.
func (r *row) sample(now time.Time) {
	done, _ := r.Bytes()
	elapsed := now.Sub(r.at).Seconds()
	if elapsed <= 0 {
		return
	}
	current := float64(done-r.sampled) / elapsed
	weight := 1 - math.Exp2(-elapsed/2)
	rate := r.speed()
	if rate == 0 {
		weight = 1
	}
	r.rate.Store(math.Float64bits(rate + weight*(current-rate)))
	r.sampled, r.at = done, now
}

// speed returns the recent speed in bytes per second.
func (r *row) speed() float64 { return math.Float64frombits(r.rate.Load()) }

// spinner contains the frames of a rotating dot.
var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

func (t *terminal) drawRow(w io.Writer, stat decor.Statistics, r *row, bar mpb.BarFiller) error {
	elapsed := t.now().Sub(r.began)
	done, total := r.Bytes()
	room := stat.AvailableWidth
	frame := spinner[int(elapsed/(100*time.Millisecond))%len(spinner)]
	longest := int(t.names.Load())
	right := r.facts(elapsed, room-min(longest, room/3)-4)
	// Numbers have priority, then the name, which takes at most half of the width; the bar gets the
	// rest.
	names := max(0, min(longest, room/2, room-width(right)-4))
	left := frame + " " + pad(cut(r.name, names), names) + "  "
	forBar := room - width(left) - width(right) - 2
	if total <= 0 || forBar < 8 {
		_, err := io.WriteString(w, cut(left+right, room))
		return err
	}
	if _, err := io.WriteString(w, left); err != nil {
		return err
	}
	stat.AvailableWidth, stat.RequestedWidth = min(forBar, 30), 0
	stat.Current, stat.Total = min(done, total), total
	if err := bar.Fill(w, stat); err != nil {
		return err
	}
	_, err := io.WriteString(w, "  "+right)
	return err
}

// facts returns the numbers of a row, in at most room cells. The remaining time has priority over
// the elapsed time, and that over the speed.
func (r *row) facts(elapsed time.Duration, room int) string {
	done, total := r.Bytes()
	took := pad(FormatDuration(elapsed), 6)
	var bytes, speed, remaining string
	if total > 0 {
		bytes = pad(FormatBytes(done)+" / "+FormatBytes(total), 19)
	} else if done > 0 {
		bytes = FormatBytes(done)
	}
	if rate := r.speed(); rate >= 1 {
		speed = pad(FormatBytes(int64(rate))+"/s", 11)
		if total > done {
			remaining = FormatDuration(time.Duration(float64(total-done)/rate*float64(time.Second))) + " left"
		}
	}
	for _, facts := range [][]string{{took, bytes, speed, remaining}, {took, bytes, remaining}, {bytes, remaining}, {remaining}, {took}} {
		facts = slices.DeleteFunc(facts, func(s string) bool { return s == "" })
		if line := strings.Join(facts, "  "); len(facts) > 0 && width(line) <= room {
			return line
		}
	}
	return ""
}

// drawCounts draws the last row: totals, and the number of tasks without a row.
func (t *terminal) drawCounts(w io.Writer, stat decor.Statistics) error {
	var parts []string
	for _, c := range []struct {
		n    *atomic.Int64
		word string
	}{{&t.counts.running, "running"}, {&t.counts.done, "done"}, {&t.counts.cached, "cached"}, {&t.counts.failed, "failed"}} {
		if n := c.n.Load(); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, c.word))
		}
	}
	parts = append(parts, FormatDuration(t.now().Sub(t.began)))
	_, err := io.WriteString(w, t.style(dim, cut(strings.Join(parts, " · "), stat.AvailableWidth)))
	return err
}

// close removes all rows; the lines above them stay.
func (t *terminal) close() {
	for _, r := range t.rows {
		r.bar.Abort(true)
	}
	if t.last != nil {
		t.last.Abort(true)
	}
	t.progress.Wait()
}

// A style is a parameter of SGR (ECMA-48 8.3.117).
type style int

const (
	bold   style = 1
	dim    style = 2
	red    style = 31
	green  style = 32
	yellow style = 33
)

func (t *terminal) style(st style, s string) string {
	if !t.styled {
		return s
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[m", st, s)
}
