package engine

import (
	"fmt"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/proto"
)

// rewrite returns def with every op changed by edit, which also receives the ops that op reads
// from. An op refers to its inputs by the digest of their bytes, so a change affects all later ops.
// def lists inputs before the ops that read them.
func rewrite(def *pb.Definition, edit func(op *pb.Op, inputs []*pb.Op) error) (*pb.Definition, error) {
	out := &pb.Definition{Metadata: map[string]*pb.OpMetadata{}, Source: def.Source.CloneVT()}
	renamed := map[string]string{}
	ops := map[string]*pb.Op{} // by old digest, after the change
	for _, raw := range def.Def {
		op := new(pb.Op)
		if err := proto.Unmarshal(raw, op); err != nil {
			return nil, fmt.Errorf("reading a build step: %w", err)
		}
		old := digest.FromBytes(raw).String()
		inputs := make([]*pb.Op, len(op.Inputs))
		for i, in := range op.Inputs {
			inputs[i] = ops[in.Digest]
			if inputs[i] == nil {
				return nil, fmt.Errorf("build step %s reads from %s, which does not come before it", old, in.Digest)
			}
			in.Digest = renamed[in.Digest]
		}
		if err := edit(op, inputs); err != nil {
			return nil, &stepError{err, def.Source, old}
		}
		changed, err := proto.MarshalOptions{Deterministic: true}.Marshal(op)
		if err != nil {
			return nil, fmt.Errorf("writing a build step: %w", err)
		}
		renamed[old] = digest.FromBytes(changed).String()
		ops[old] = op
		out.Def = append(out.Def, changed)
	}
	for old, metadata := range def.Metadata {
		out.Metadata[renamed[old]] = metadata
	}
	if def.Source != nil {
		out.Source.Locations = map[string]*pb.Locations{}
		for old, locations := range def.Source.Locations {
			out.Source.Locations[renamed[old]] = locations
		}
	}
	return out, nil
}

// stepError is an error in one step of a definition.
type stepError struct {
	err    error
	source *pb.Source
	step   string
}

func (e *stepError) Error() string { return e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// line returns the first line of the file that the step was made from, or 0.
func (e *stepError) line() int { return lineOf(e.source, e.step) }

// lineOf returns the first line that a step was made from, or 0.
func lineOf(source *pb.Source, step string) int {
	if source == nil || source.Locations[step] == nil {
		return 0
	}
	for _, l := range source.Locations[step].Locations {
		for _, r := range l.Ranges {
			if r.Start != nil && r.Start.Line > 0 {
				return int(r.Start.Line)
			}
		}
	}
	return 0
}

// noTime means in LLB that a file keeps its time.
const noTime = -1

// settleTimes sets the Unix epoch as the time of the files that a step copies from a client's
// folder, and of the files and folders that it creates. Files copied from elsewhere keep their
// time.
func settleTimes(op *pb.Op, inputs []*pb.Op) {
	file := op.GetFile()
	if file == nil {
		return
	}
	for _, action := range file.Actions {
		switch {
		case action.GetMkdir() != nil:
			action.GetMkdir().Timestamp = 0
		case action.GetMkfile() != nil:
			action.GetMkfile().Timestamp = 0
		case action.GetSymlink() != nil:
			action.GetSymlink().Timestamp = 0
		case action.GetCopy() != nil && action.GetCopy().Timestamp == noTime:
			// The secondary input is the source of the copy; numbers beyond the inputs are earlier
			// actions of the step.
			if from := action.SecondaryInput; from >= 0 && from < int64(len(inputs)) && isLocal(inputs[from]) {
				action.GetCopy().Timestamp = 0
			}
		}
	}
}

// isLocal reports whether op is a folder of the client.
func isLocal(op *pb.Op) bool {
	return strings.HasPrefix(op.GetSource().GetIdentifier(), "local://")
}
