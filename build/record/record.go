package record

import (
	"time"

	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/build/why"
)

// format is the version of the format of records. It changes if a member is removed or gets another meaning.
const format = 1

// A Record is what one run did. Times are in seconds since Started.
type Record struct {
	Format int `json:"format"`
	// Command is the command without its arguments, such as "slipway package".
	Command string `json:"command"`
	// Slipway is the version of Slipway.
	Slipway string          `json:"slipway"`
	Project string          `json:"project"`
	Release version.Release `json:"release"`
	// Shard is the part of the release that the run made, such as 2/5, or empty.
	Shard   string    `json:"shard,omitempty"`
	Machine Machine   `json:"machine"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	// Failure is the error of the run, or empty.
	Failure string `json:"failure,omitempty"`
	// Steps are those of the plan, in its order, that the run was to make.
	Steps []Step `json:"steps"`
	// Tasks are in the order in which they started.
	Tasks    []Task   `json:"tasks"`
	Warnings []string `json:"warnings"`
}

// Title returns the command of the run, with its shard.
func (r *Record) Title() string {
	if r.Shard == "" {
		return r.Command
	}
	return r.Command + " --shard " + r.Shard
}

// A Machine is where a run was.
type Machine struct {
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Cores int    `json:"cores"`
	// Name is the name that a CI service gives to the runner, or empty elsewhere.
	Name string `json:"name,omitempty"`
}

// A Step is a step of the plan.
type Step struct {
	// Kind is binary, image, archive or bundle. Target is NAME@PLATFORM.
	Kind   string `json:"kind"`
	Target string `json:"target"`
	// Needs are the names (Name) of the steps of this run whose results the step uses.
	Needs []string `json:"needs,omitempty"`
	// State is Made, UpToDate or Unfinished.
	State string `json:"state"`
	// First means that the cache has no earlier run of the step, so there are no reasons.
	First bool `json:"first,omitempty"`
	// Reasons are the changes for which a step with State Made was made again. Without any, its output was missing or had
	// changed, or --no-cache was given.
	Reasons []why.Change `json:"reasons,omitempty"`
}

// Values of Step.State.
const (
	Made     = "made"
	UpToDate = "up-to-date"
	// Unfinished is the state of a step that failed or was not reached.
	Unfinished = "unfinished"
)

// Name returns the name of a step, which is unique in a record: its kind and its target.
func (s Step) Name() string { return s.Kind + " " + s.Target }

// A Task is one piece of work.
type Task struct {
	Name string `json:"name"`
	// Steps are the names of the steps to which the task belongs: several, if a compiler makes several binaries at once,
	// and none for work of the whole run. What several steps use, such as a download, belongs to the first.
	Steps []string `json:"steps,omitempty"`
	// Lane is the row of the timeline, from 0.
	Lane  int     `json:"lane"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	// Cached means that the result was there before. From is the shared cache that had it, or a part of what the task
	// used. It is empty if the cache of the machine, or the destination of a transfer, had it.
	Cached bool   `json:"cached,omitempty"`
	From   string `json:"from,omitempty"`
	// Worker is the address of the engine that did the work, or empty if this machine did.
	Worker string `json:"worker,omitempty"`
	Digest string `json:"digest,omitempty"`
	// Bytes is the number of bytes that were read, written or transferred.
	Bytes int64 `json:"bytes,omitempty"`
	// Failure is why the task failed. Stopped means that it was canceled, since another one failed or the run was
	// interrupted.
	Failure string `json:"failure,omitempty"`
	Stopped bool   `json:"stopped,omitempty"`
}
