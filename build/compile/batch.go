package compile

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/images"
)

// A batch is what one go build makes: jobs that differ only by their package and
// by the name of their output, in one folder.
type batch []*job

// title is the batch as progress shows it.
func (b batch) title() string {
	names := make([]string, len(b))
	for i, j := range b {
		names[i] = j.Name
	}
	return fmt.Sprintf("compile %s %s", strings.Join(names, ", "), images.FormatPlatform(b[0].Platform))
}

// batches sorts jobs into as few go builds as possible, in the order of their
// first jobs. A build of several packages names each output itself, so that
// packages of one name, or of a name that go derives in its own way, are built
// apart.
func batches(jobs []*job) []batch {
	var all []batch
	where := map[string][]int{}
	for _, j := range jobs {
		name, plain := programName(j.Package)
		key := fmt.Sprintf("%q %q %q %q %q", j.Dir, filepath.Dir(j.Output), j.env.list(), j.Tags, j.Ldflags)
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

// makes says whether b has a package whose program is called name.
func (b batch) makes(name string) bool {
	for _, j := range b {
		if have, _ := programName(j.Package); have == name {
			return true
		}
	}
	return false
}

// lanes are batches that must follow one another: those for the same system and
// architecture with the same settings, which share most of their packages. Side
// by side each would compile them for itself, since go's build cache has no way
// to wait for another process.
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

// programName is the name that go build gives to the program of a package, the
// last element of its import path, and whether that can be told from the path
// alone: of ".", "..", and of a major version as in example.com/tool/v2, it
// cannot.
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
