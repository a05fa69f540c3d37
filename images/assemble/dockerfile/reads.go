package dockerfile

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// Reads describes the context files that an image may be built from.
type Reads []Reading

// A Reading is a host folder and a COPY pattern for the files that are read in it. An
// empty pattern means all files.
type Reading struct{ Dir, Pattern string }

// Reads returns what the target reads in the build context dir and in named contexts that are
// folders. It returns whole folders if the Dockerfile alone does not determine the files, because
// of a variable, a mount of RUN, or ONBUILD triggers of a base.
func (g *Graph) Reads(dir string) (Reads, error) { return g.reads(dir, true) }

// Sources is Reads without what ONBUILD triggers of bases may read, which only the configs of the bases determine.
func (g *Graph) Sources(dir string) (Reads, error) { return g.reads(dir, false) }

// reads returns Reads. triggers says whether to include all that ONBUILD triggers may read.
func (g *Graph) reads(dir string, triggers bool) (Reads, error) {
	if err := g.ReadStages(); err != nil {
		return nil, err
	}
	target, err := g.Target()
	if err != nil {
		return nil, err
	}
	var reads Reads
	seen := map[*Stage]bool{}
	var visit func(s *Stage)
	visit = func(s *Stage) {
		if seen[s] {
			return
		}
		seen[s] = true
		reads = append(reads, g.stageReads(s, dir, triggers)...)
		for _, needed := range s.dependencies() {
			visit(needed)
		}
	}
	visit(target)
	return reads, nil
}

// stageReads returns what the instructions of s read, excluding other stages.
func (g *Graph) stageReads(s *Stage, contextDir string, triggers bool) (reads Reads) {
	external := s.Base == nil && s.BaseName != Scratch
	switch {
	case s.Index < 0: // the COPY --from instructions have the patterns
	case s.Context != nil && s.Context.Dir != "":
		reads = append(reads, Reading{s.Context.Dir, ""})
	case external && triggers:
		reads = append(reads, Reading{contextDir, ""})
	}
	for _, c := range s.Instructions {
		switch command := c.Command.(type) {
		case *instructions.CopyCommand:
			dir := contextDir
			if c.From != nil {
				if dir = ""; c.From.Context != nil {
					dir = c.From.Context.Dir
				}
			}
			if dir != "" {
				reads = append(reads, patterns(dir, command.SourcePaths)...)
			}
		case *instructions.AddCommand:
			reads = append(reads, patterns(contextDir, command.SourcePaths)...)
		case *instructions.RunCommand:
			if slices.ContainsFunc(command.FlagsUsed, func(flag string) bool { return flag == "mount" }) {
				reads = append(reads, Reading{contextDir, ""})
				for key, value := range g.Options.Contexts {
					if context, err := parseContext(key, value); err == nil && context.Dir != "" {
						reads = append(reads, Reading{context.Dir, ""})
					}
				}
			}
		}
	}
	return reads
}

// patterns returns what the sources of a COPY or ADD read in the folder dir.
func patterns(dir string, sources []string) (reads Reads) {
	for _, source := range sources {
		pattern := strings.TrimPrefix(path.Clean("/"+filepath.ToSlash(source)), "/")
		if strings.ContainsAny(source, `$\`) || strings.Contains(source, "**") || hasLink(dir, pattern) {
			pattern = ""
		}
		reads = append(reads, Reading{dir, pattern})
	}
	return reads
}

// hasLink reports whether a path element before the first wildcard of the pattern is a
// symlink.
func hasLink(dir, pattern string) bool {
	for _, name := range strings.Split(pattern, "/") {
		dir = filepath.Join(dir, name)
		info, err := os.Lstat(dir)
		if err != nil {
			return false
		}
		if info.Mode()&os.ModeSymlink != 0 {
			return true
		}
	}
	return false
}

// Has reports whether the image may be built from a file, which need not exist.
func (r Reads) Has(file string) bool {
	file = followLinks(file)
	return slices.ContainsFunc(r, func(one Reading) bool {
		rel, err := filepath.Rel(followLinks(one.Dir), file)
		if err != nil || !filepath.IsLocal(rel) {
			return false
		}
		names := strings.Split(filepath.ToSlash(rel), "/")
		for i, want := range strings.Split(one.Pattern, "/") {
			if one.Pattern == "" {
				break // the whole folder
			}
			if i >= len(names) {
				return false
			}
			if ok, err := path.Match(want, names[i]); err != nil {
				break // the builder will report the invalid pattern
			} else if !ok {
				return false
			}
		}
		return true
	})
}

// followLinks returns the absolute path of file, with the symlinks in its existing part
// resolved.
func followLinks(file string) string {
	abs, err := filepath.Abs(file)
	if err != nil {
		return file
	}
	rest := ""
	for dir := abs; ; dir = filepath.Dir(dir) {
		if found, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(found, rest)
		}
		if filepath.Dir(dir) == dir {
			return abs
		}
		rest = filepath.Join(filepath.Base(dir), rest)
	}
}
