package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/protobuf/testing/protocmp"
)

func TestFixHostPaths(t *testing.T) {
	file := func(action *pb.FileActionCopy) *pb.Op {
		return &pb.Op{Op: &pb.Op_File{File: &pb.FileOp{Actions: []*pb.FileAction{
			{Action: &pb.FileAction_Mkdir{Mkdir: &pb.FileActionMkDir{Path: "/x"}}}, {Action: &pb.FileAction_Copy{Copy: action}},
		}}}}
	}
	run := func(dest ...string) *pb.Op {
		exec := &pb.ExecOp{}
		for _, d := range dest {
			exec.Mounts = append(exec.Mounts, &pb.Mount{Dest: d})
		}
		return &pb.Op{Op: &pb.Op_Exec{Exec: exec}}
	}
	for _, c := range []struct {
		name      string
		got, want *pb.Op
	}{
		{"parents", file(&pb.FileActionCopy{Src: "/", IncludePatterns: []string{"a/b/c.txt"}, RequiredPaths: []string{`/\a\b\c.txt`}}),
			file(&pb.FileActionCopy{Src: "/", IncludePatterns: []string{"a/b/c.txt"}, RequiredPaths: []string{"/a/b/c.txt"}})},
		{"parents with a pivot", file(&pb.FileActionCopy{Src: "/a", IncludePatterns: []string{"b/c"}, RequiredPaths: []string{`/a\b\c`}}),
			file(&pb.FileActionCopy{Src: "/a", IncludePatterns: []string{"b/c"}, RequiredPaths: []string{"/a/b/c"}})},
		{"parents with wildcards", file(&pb.FileActionCopy{Src: "/", IncludePatterns: []string{"*.txt"}}), file(&pb.FileActionCopy{Src: "/", IncludePatterns: []string{"*.txt"}})},
		{"mounts", run("/", `\work\sub`, `/x\y`), run("/", "/work/sub", `/x\y`)},
		{"another step", &pb.Op{}, &pb.Op{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fixHostPaths(c.got)
			if diff := cmp.Diff(c.want, c.got, protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
