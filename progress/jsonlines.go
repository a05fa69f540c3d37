package progress

import (
	"encoding/json"
	"io"
	"time"
)

// An Event is one line in mode JSON.
type Event struct {
	// Time is when the event occurred, in UTC.
	Time time.Time `json:"time"`
	// Event is "start", "progress", "line" or "end" of a task, or "warning",
	// "log" or "error" of the whole command.
	Event string `json:"event"`
	// ID distinguishes tasks of the same name; they are numbered from 1.
	ID   int    `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	// Done and Total are in bytes; 0 means unknown.
	Done  int64 `json:"done,omitempty"`
	Total int64 `json:"total,omitempty"`
	// Seconds, Cached and Error are for "end": how long the task took, whether its result was
	// cached, and why it failed. Error is also the text of "error".
	Seconds float64 `json:"seconds,omitempty"`
	Cached  bool    `json:"cached,omitempty"`
	Error   string  `json:"error,omitempty"`
	// Line is a line of the task's output, or the text of "log".
	Line string `json:"line,omitempty"`
	// Message is the text of "warning".
	Message string `json:"message,omitempty"`
}

type jsonLines struct {
	encoder *json.Encoder
	now     func() time.Time
	said    map[*Task]int64 // bytes done at the last event
}

func newJSONLines(w io.Writer, now func() time.Time) *jsonLines {
	encoder := json.NewEncoder(Clean(w))
	encoder.SetEscapeHTML(false)
	return &jsonLines{encoder: encoder, now: now, said: map[*Task]int64{}}
}

// Write errors are ignored: progress must not fail a build.
func (j *jsonLines) write(e Event) {
	e.Time = j.now().UTC()
	_ = j.encoder.Encode(e)
}

func (j *jsonLines) started(r *running) {
	j.write(Event{Event: "start", ID: r.id, Name: r.Name})
}

func (j *jsonLines) line(r *running, line string) {
	j.write(Event{Event: "line", ID: r.id, Name: r.Name, Line: line})
}

func (j *jsonLines) finished(e end) {
	delete(j.said, e.Task)
	for _, line := range e.output {
		j.line(e.running, line)
	}
	end := Event{Event: "end", ID: e.id, Name: e.Name, Seconds: e.lasts.Seconds(), Cached: e.Cached()}
	end.Done, end.Total = e.Bytes()
	if e.err != nil {
		end.Error = e.err.Error()
	}
	j.write(end)
}

func (j *jsonLines) warning(message string) { j.write(Event{Event: "warning", Message: message}) }

func (j *jsonLines) log(line string) { j.write(Event{Event: "log", Line: line}) }

func (j *jsonLines) tick(rs []*running) {
	for _, r := range rs {
		done, total := r.Bytes()
		if done == j.said[r.Task] {
			continue
		}
		j.said[r.Task] = done
		j.write(Event{Event: "progress", ID: r.id, Name: r.Name, Done: done, Total: total})
	}
}

func (j *jsonLines) close() {}
