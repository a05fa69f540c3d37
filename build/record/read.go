package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/regular"
)

// maxSize is the maximum size of a record, in bytes: several hundred thousand tasks.
const maxSize = 64 << 20

// WriteFile writes a record to a file, and creates its folder if necessary.
func (r *Record) WriteFile(path string) error {
	raw, err := r.encode()
	if err == nil {
		err = atomicfile.WriteFile(path, raw)
	}
	if err != nil {
		return fmt.Errorf("writing the record of the run: %w", err)
	}
	return nil
}

func (r *Record) encode() ([]byte, error) {
	raw, err := json.Marshal(r)
	return append(raw, '\n'), err
}

// ReadFile reads a record from a file.
func ReadFile(path string) (*Record, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the record of a run: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the record of a run: %w", err)
	}
	r, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// decode returns a record whose times, lanes and states make sense.
func decode(raw []byte) (*Record, error) {
	if len(raw) > maxSize {
		return nil, fmt.Errorf("not the record of a run: it has more than %d MB", maxSize>>20)
	}
	var head struct {
		Format  *int            `json:"format"`
		Command json.RawMessage `json:"command"`
		Steps   json.RawMessage `json:"steps"`
		Tasks   json.RawMessage `json:"tasks"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("not the record of a run, or a damaged one: %w", err)
	}
	switch {
	case head.Format == nil || head.Command == nil || head.Steps == nil || head.Tasks == nil:
		return nil, errors.New("not the record of a run: missing format, command, steps or tasks; build, package, publish, merge and verify write one with --record FILE")
	case *head.Format > format:
		return nil, fmt.Errorf("the record has format %d, and this version of Slipway reads format %d: use the version that wrote it, or a later one", *head.Format, format)
	}
	var r Record
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("damaged record of a run: %w", err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("damaged record of a run: %w", err)
	}
	return &r, nil
}

func (r *Record) check() error {
	if r.Format != format {
		return fmt.Errorf("format %d: want %d", r.Format, format)
	}
	if !isTime(r.Seconds) {
		return fmt.Errorf("seconds %v: want a number from 0", r.Seconds)
	}
	for i, t := range r.Tasks {
		switch {
		case !isTime(t.Start) || t.End < t.Start || t.End > r.Seconds:
			return fmt.Errorf("task %d (%q) from %v to %v: want times in the %v seconds of the run", i, t.Name, t.Start, t.End, r.Seconds)
		case i > 0 && t.Start < r.Tasks[i-1].Start:
			return fmt.Errorf("task %d (%q) starts before the one before it", i, t.Name)
		case t.Bytes < 0:
			return fmt.Errorf("task %d (%q) has %d bytes", i, t.Name, t.Bytes)
		}
	}
	known := map[string]bool{}
	for _, s := range r.Steps {
		if s.State != Made && s.State != UpToDate && s.State != Unfinished {
			return fmt.Errorf("step %q has the state %q", s.Name(), s.State)
		}
		if known[s.Name()] {
			return fmt.Errorf("duplicate step %q", s.Name())
		}
		known[s.Name()] = true
	}
	assignLanes(r.Tasks)
	return nil
}

// maxSeconds is the maximum duration of a run: more than 30 years.
const maxSeconds = 1e9

func isTime(seconds float64) bool { return seconds >= 0 && seconds <= maxSeconds }
