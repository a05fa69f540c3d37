package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/progress"
)

// tailLines is the number of lines of a step's output in an error.
const tailLines = 20

// A watch shows the engine's steps as tasks, and keeps the information that error messages need.
type watch struct {
	prefix, worker string // of tasks

	mu      sync.Mutex
	steps   map[digest.Digest]*step
	sources []*pb.Source
	// users are the steps that read the output of a step.
	users map[digest.Digest][]digest.Digest
}

// A step is the state of one vertex.
type step struct {
	name string
	// err is the engine's error.
	err  string
	task *progress.Task
	done bool
	// tail contains the last lines of output, and partial is an unfinished line.
	tail    []string
	partial string
	// parts has the current and the total bytes of each part, by its ID.
	parts map[string]*buildkit.VertexStatus
}

func newWatch(platform v1.Platform, worker string) *watch {
	return &watch{worker: worker, prefix: images.FormatPlatform(platform) + " ", steps: map[digest.Digest]*step{}, users: map[digest.Digest][]digest.Digest{}}
}

// know records the lines of steps in the Dockerfile.
func (w *watch) know(definition *pb.Definition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if definition.Source != nil {
		w.sources = append(w.sources, definition.Source)
	}
	for _, raw := range definition.Def {
		var op pb.Op
		if op.UnmarshalVT(raw) != nil {
			continue
		}
		for _, input := range op.Inputs {
			of := digest.Digest(input.Digest)
			w.users[of] = append(w.users[of], digest.FromBytes(raw))
		}
	}
}

// line returns the line of a step in the Dockerfile, or 0. BuildKit does not report it for
// downloads; for a download, line returns the line of the step that copies it.
func (w *watch) line(d digest.Digest) int {
	for _, step := range append([]digest.Digest{d}, w.users[d]...) {
		for _, source := range slices.Backward(w.sources) {
			if line := lineOf(source, step.String()); line > 0 {
				return line
			}
		}
	}
	return 0
}

// follow shows statuses until the channel is closed.
func (w *watch) follow(ctx context.Context, statuses <-chan *buildkit.SolveStatus) {
	for status := range statuses {
		w.mu.Lock()
		for _, v := range status.Vertexes {
			w.vertex(ctx, v)
		}
		for _, s := range status.Statuses {
			w.status(s)
		}
		for _, l := range status.Logs {
			w.log(l)
		}
		for _, v := range status.Warnings {
			progress.Warn(ctx, vertexWarning(v))
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.steps {
		if s.task != nil && !s.done {
			s.end(errors.New("interrupted"))
		}
	}
}

// isInternal reports whether a step is hidden from the user.
func isInternal(name string) bool {
	return strings.HasPrefix(name, "[internal]") && !strings.Contains(name, "load build context") ||
		strings.HasSuffix(name, "load .dockerignore") && strings.HasPrefix(name, "[context ")
}

func (w *watch) vertex(ctx context.Context, v *buildkit.Vertex) {
	s := w.steps[v.Digest]
	if s == nil {
		s = &step{parts: map[string]*buildkit.VertexStatus{}}
		w.steps[v.Digest] = s
	}
	s.name, s.err = v.Name, v.Error
	if v.Started != nil && s.task == nil && !isInternal(v.Name) {
		s.task = progress.Start(ctx, w.prefix+v.Name)
		s.task.SetWorker(w.worker)
	}
	if s.task == nil || s.done || v.Completed == nil {
		return
	}
	if v.Cached {
		s.task.SetCached()
	}
	var err error
	if v.Error != "" {
		err = errors.New(strings.TrimSpace(v.Error))
	}
	s.end(err)
}

func (s *step) end(err error) {
	if s.partial != "" {
		s.line(s.partial)
	}
	s.done = true
	s.task.Done(err)
}

// status records the progress of a part of a step, in bytes.
func (w *watch) status(v *buildkit.VertexStatus) {
	s := w.steps[v.Vertex]
	if s == nil || s.task == nil || s.done {
		return
	}
	var before int64
	if last := s.parts[v.ID]; last != nil {
		before = last.Current
	}
	s.parts[v.ID] = v
	var total int64
	for _, part := range s.parts {
		total += part.Total
	}
	s.task.SetTotal(total)
	s.task.Add(int(v.Current - before))
}

// vertexWarning returns the text of an engine's warning, with its details below it.
func vertexWarning(v *buildkit.VertexWarning) string {
	lines := []string{string(v.Short)}
	for _, detail := range v.Detail {
		lines = append(lines, string(detail))
	}
	return strings.Join(lines, "\n")
}

func (w *watch) log(l *buildkit.VertexLog) {
	s := w.steps[l.Vertex]
	if s == nil {
		return
	}
	lines := strings.Split(s.partial+string(l.Data), "\n")
	last := len(lines) - 1
	s.partial = lines[last]
	for _, line := range lines[:last] {
		s.line(strings.TrimSuffix(line, "\r"))
	}
}

func (s *step) line(line string) {
	s.tail = append(s.tail, line)
	if len(s.tail) > tailLines {
		s.tail = s.tail[1:]
	}
	if s.task != nil && !s.done {
		s.task.Line(line)
	}
}

// failed returns the step that failed on its own, or nil, and its first line in the Dockerfile, or
// 0. Steps that were stopped because another failed do not count.
func (w *watch) failed() (*step, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for d, s := range w.steps {
		if s.err == "" || strings.Contains(s.err, context.Canceled.Error()) {
			continue
		}
		return s, w.line(d)
	}
	return nil, 0
}
