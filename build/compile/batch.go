package compile

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/progress"
)

// A batch is a list of jobs for a single go build. They differ only in their package and in the
// name of their output, in one folder.
type batch []*job

// title returns the name of the batch's task.
func (b batch) title() string {
	names := make([]string, len(b))
	for i, j := range b {
		names[i] = j.Name
	}
	return fmt.Sprintf("compile %s %s", strings.Join(names, ", "), images.FormatPlatform(b[0].Platform))
}

// within returns a context whose tasks belong to the steps of the batch.
func (b batch) within(ctx context.Context) context.Context {
	steps := make([]string, len(b))
	for i, j := range b {
		steps[i] = j.Step
	}
	return progress.Within(ctx, steps...)
}

// batches groups jobs into as few go builds as possible, in the order of their first jobs. A build
// of several packages names the outputs itself, so packages with the same program name, or with a
// name that cannot be predicted, are built separately.
func batches(jobs []*job) []batch {
	var all []batch
	where := map[string][]int{}
	for _, j := range jobs {
		name, plain := programName(j.Package)
		key := fmt.Sprintf("%q %q %q %q %q %q", j.Dir, filepath.Dir(j.Output), j.env.list(), j.Tags, j.Ldflags, j.Flags)
		found := -1
		if plain {
			for _, i := range where[key] {
				if !all[i].makes(name) {
					found = i
					break
				}
			}
		}
		if found < 0 {
			found = len(all)
			all = append(all, nil)
			if plain {
				where[key] = append(where[key], found)
			}
		}
		all[found] = append(all[found], j)
	}
	return all
}

// makes reports whether b has a package whose program is called name.
func (b batch) makes(name string) bool {
	for _, j := range b {
		if have, _ := programName(j.Package); have == name {
			return true
		}
	}
	return false
}

// lanes groups batches that must run one after another: those for the same system and architecture
// with the same settings, which share most of their packages. In parallel, each would compile those
// packages itself, because go's build cache has no way to wait for another process.
func lanes(all []batch) [][]batch {
	var lanes [][]batch
	where := map[string]int{}
	for _, b := range all {
		key := fmt.Sprintf("%q", b[0].env.list())
		i, ok := where[key]
		if !ok {
			i = len(lanes)
			where[key] = i
			lanes = append(lanes, nil)
		}
		lanes[i] = append(lanes[i], b)
	}
	return lanes
}

// programName returns the name that go build gives to the program of a package: the last element of
// its import path. plain is false if the name cannot be determined from the path alone: for ".",
// "..", and a major version as in example.com/tool/v2.
func programName(pkg string) (name string, plain bool) {
	name = path.Base(filepath.ToSlash(pkg))
	if name == "." || name == ".." || name == "/" {
		return "", false
	}
	if digits, ok := strings.CutPrefix(name, "v"); ok && strings.Trim(digits, "0123456789") == "" {
		return "", false
	}
	return name, true
}
