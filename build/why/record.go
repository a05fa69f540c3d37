package why

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// Memory keeps records.
type Memory interface {
	Record(ctx context.Context, kind, key string) ([]byte, bool)
	SetRecord(kind, key string, value []byte) error
}

// The kinds of records in Memory: those of steps, and the lists of files that they share.
const (
	stepKind  = "why"
	filesKind = "why-files"
)

// A Run has the inputs with which a step was made.
type Run struct {
	Inputs []Input `json:"inputs"`
	// Files are inputs that steps have in common, such as the files of a module. They are kept once.
	Files []Input `json:"-"`
	// FilesKey identifies Files in Memory.
	FilesKey string `json:"files,omitempty"`
	// Outputs are what the step made, with digests.
	Outputs []Input `json:"outputs"`
}

// All returns Inputs and Files.
func (r *Run) All() []Input { return slices.Concat(r.Inputs, r.Files) }

// A Record has the last runs of a step.
type Record struct {
	// Last is the run that made the step, and Before the one before that, or nil.
	Last   Run  `json:"last"`
	Before *Run `json:"before,omitempty"`
	// UpToDate means that nothing was made since, although a run looked at the step.
	UpToDate bool `json:"upToDate,omitempty"`
}

// Recall returns the record of a step, or nil if there is none. Without the list of its files, a run counts as missing.
func Recall(ctx context.Context, m Memory, step string) *Record {
	var record Record
	raw, ok := m.Record(ctx, stepKind, step)
	if !ok || json.Unmarshal(raw, &record) != nil || !record.Last.readFiles(ctx, m) {
		return nil
	}
	if record.Before != nil && !record.Before.readFiles(ctx, m) {
		record.Before = nil
	}
	return &record
}

func (r *Run) readFiles(ctx context.Context, m Memory) bool {
	if r.FilesKey == "" {
		return true
	}
	raw, ok := m.Record(ctx, filesKind, r.FilesKey)
	return ok && json.Unmarshal(raw, &r.Files) == nil
}

// writeFiles stores the files of a run, unless they are stored already.
func (r *Run) writeFiles(ctx context.Context, m Memory) error {
	if len(r.Files) == 0 {
		return nil
	}
	raw, err := json.Marshal(r.Files)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(raw)
	r.FilesKey = hex.EncodeToString(sum[:])
	if r.hasFiles(ctx, m) {
		return nil
	}
	return m.SetRecord(filesKind, r.FilesKey, raw)
}

// Note records a run of a step, and returns the record. made is false if the step was found up to date.
func Note(ctx context.Context, m Memory, step string, run Run, made bool) (*Record, error) {
	record := Recall(ctx, m, step)
	switch {
	case record == nil:
		record = &Record{Last: run, UpToDate: !made}
	case made:
		record = &Record{Last: run, Before: &record.Last}
	default:
		record.Last, record.UpToDate = run, true
	}
	return record, record.write(ctx, m, step)
}

// Reasons returns the changes for which the step was last made again.
func (r *Record) Reasons() []Change {
	if r.Before == nil {
		return []Change{}
	}
	return differences(r.Before.All(), r.Last.All())
}

// NoteUpToDate records that a step was found up to date. It reports whether the step has a complete record.
func NoteUpToDate(ctx context.Context, m Memory, step string) (bool, error) {
	raw, ok := m.Record(ctx, stepKind, step)
	var record Record
	if !ok || json.Unmarshal(raw, &record) != nil || !record.Last.hasFiles(ctx, m) {
		return false, nil
	}
	lost := record.Before != nil && !record.Before.hasFiles(ctx, m)
	if record.UpToDate && !lost {
		return true, nil
	}
	if lost {
		record.Before = nil
	}
	record.UpToDate = true
	return true, set(m, step, &record)
}

// hasFiles reports whether the files of a run are stored, without parsing them.
func (r *Run) hasFiles(ctx context.Context, m Memory) bool {
	if r.FilesKey == "" {
		return true
	}
	_, ok := m.Record(ctx, filesKind, r.FilesKey)
	return ok
}

func (r *Record) write(ctx context.Context, m Memory, step string) error {
	if err := r.Last.writeFiles(ctx, m); err != nil {
		return err
	}
	return set(m, step, r)
}

func set(m Memory, step string, r *Record) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return m.SetRecord(stepKind, step, raw)
}
