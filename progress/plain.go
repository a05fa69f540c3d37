package progress

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// The first heartbeat of a task comes early, to show what the command waits for. Later ones are
// rare enough to keep the log readable, and frequent enough that a CI system does not consider the
// job dead.
const (
	firstHeartbeat = 10 * time.Second
	nextHeartbeat  = 30 * time.Second
)

// plain writes lines that are never changed, for logs.
type plain struct {
	w     io.Writer
	now   func() time.Time
	beats map[*Task]time.Time // when the next heartbeat of a task is due
}

func newPlain(w io.Writer, now func() time.Time) *plain {
	return &plain{w: w, now: now, beats: map[*Task]time.Time{}}
}

// Write errors are ignored: progress must not fail a build.
func (p *plain) printf(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p *plain) started(r *running) { p.beats[r.Task] = r.began.Add(firstHeartbeat) }

func (p *plain) line(r *running, line string) {
	p.printf("        %s | %s", printable(r.Name), printable(line))
}

func (p *plain) finished(e end) {
	delete(p.beats, e.Task)
	p.printf("%s", finishedLine(e))
	for _, line := range e.output {
		p.printf("        | %s", printable(line))
	}
}

// finishedLine returns the line for a finished task: how it ended, its name, and its cost or error.
func finishedLine(e end) string {
	s := fmt.Sprintf("%-7s %s", e.word(), printable(e.Name))
	switch {
	case e.failed():
		return s + " (" + FormatDuration(e.lasts) + "): " + printable(e.brief())
	case e.Cached():
		return s
	}
	return s + " (" + cost(e) + ")"
}

// cost returns how long the task took, and for how many bytes.
func cost(e end) string {
	done, _ := e.Bytes()
	if done == 0 {
		return FormatDuration(e.lasts)
	}
	return FormatDuration(e.lasts) + ", " + FormatBytes(done)
}

func (p *plain) warning(message string) {
	for _, line := range warningLines(message) {
		p.printf("%s", line)
	}
}

// warningLines formats a warning for people.
func warningLines(message string) []string {
	lines := strings.Split("warning: "+strings.TrimRight(message, "\n"), "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return lines
}

func (p *plain) log(line string) { p.printf("%s", printable(line)) }

func (p *plain) tick(rs []*running) {
	now := p.now()
	for _, r := range rs {
		if now.Before(p.beats[r.Task]) {
			continue
		}
		p.beats[r.Task] = now.Add(nextHeartbeat)
		facts := []string{FormatDuration(now.Sub(r.began))}
		if done, total := r.Bytes(); total > 0 {
			facts = append(facts, FormatBytes(done)+" of "+FormatBytes(total))
		} else if done > 0 {
			facts = append(facts, FormatBytes(done))
		}
		p.printf("%-7s %s (%s)", "still", printable(r.Name), strings.Join(facts, ", "))
	}
}

func (p *plain) close() {}

// failures implements mode None.
type failures struct{ *plain }

func (f failures) started(*running)      {}
func (f failures) line(*running, string) {}
func (f failures) tick([]*running)       {}
func (f failures) finished(e end) {
	if e.failed() {
		f.plain.finished(e)
	}
}
