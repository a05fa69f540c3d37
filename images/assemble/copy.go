package assemble

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/images/assemble/dockerfile"

	"github.com/slipway-build/slipway/images/buildfile"
	"github.com/slipway-build/slipway/images/fstree"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
)

// A transfer is a COPY or an ADD.
type transfer struct {
	instructions.SourcesAndDest
	name     string // COPY or ADD
	location []parser.Range
	chown    string
	chmod    string
	link     bool
	parents  bool
	exclude  []string
	// unpack and unpackURLs are whether to unpack local archives and downloaded ones.
	unpack, unpackURLs bool
	checksum           string
	// root is the root to copy from, and where its name in messages.
	root  *fstree.Node
	where string
}

func (asm *assembly) copyCommand(ctx context.Context, s *stage, c *instructions.CopyCommand, from *dockerfile.Stage, lint *linter.Linter) error {
	t := &transfer{
		SourcesAndDest: c.SourcesAndDest, name: "COPY", location: c.Location(), chown: c.Chown, chmod: c.Chmod,
		link: c.Link, parents: c.Parents, exclude: c.ExcludePatterns,
	}
	for _, source := range c.SourcePaths {
		if dockerfile.IsURL(source) || dockerfile.IsGit(source) {
			return fmt.Errorf("COPY %s: COPY does not accept URLs; ADD does", source)
		}
	}
	var err error
	switch {
	case from == nil:
		err = asm.fromContext(t, lint)
	case from.Index > s.Index:
		return fmt.Errorf("COPY --from=%s: stage %s comes after this one; put it before", c.From, from.Title())
	default:
		if t.where = "stage " + from.Title(); from.Index < 0 {
			t.where = "image " + from.BaseName
		}
		if from.Context != nil {
			t.where = "build context " + from.Context.Name
			if from.Context.Dir != "" {
				t.where += " (" + from.Context.Dir + ")"
			}
		}
		t.root, err = asm.source(ctx, asm.stage(from))
	}
	if err != nil {
		return err
	}
	return asm.unlessFailed(func() error { return asm.transfer(ctx, s, t) })
}

func (asm *assembly) addCommand(ctx context.Context, s *stage, c *instructions.AddCommand, lint *linter.Linter) error {
	t := &transfer{
		SourcesAndDest: c.SourcesAndDest, name: "ADD", location: c.Location(), chown: c.Chown, chmod: c.Chmod,
		link: c.Link, exclude: c.ExcludePatterns, checksum: c.Checksum, unpack: true,
	}
	if c.Unpack != nil {
		t.unpack, t.unpackURLs = *c.Unpack, *c.Unpack
	}
	for _, source := range c.SourcePaths {
		if dockerfile.IsGit(source) { // after expansion; refuseProcesses has checked the literal ones
			return fmt.Errorf("ADD of a git repository runs git, which the embedded builder does not do; %s", dockerfile.OtherBuilders)
		}
	}
	if c.Checksum != "" {
		switch {
		case len(c.SourcePaths) != 1:
			return errors.New("ADD --checksum is for one source")
		case !dockerfile.IsURL(c.SourcePaths[0]):
			return errors.New("ADD --checksum is for a URL")
		}
	}
	if err := asm.fromContext(t, lint); err != nil {
		return err
	}
	return asm.unlessFailed(func() error { return asm.transfer(ctx, s, t) })
}

// fromContext makes the build context the source of t.
func (asm *assembly) fromContext(t *transfer, lint *linter.Linter) error {
	t.where = "the build context " + asm.build.Dir
	if !slices.ContainsFunc(t.SourcePaths, func(source string) bool { return !dockerfile.IsURL(source) }) {
		return nil
	}
	local, err := asm.localContext(asm.build.Dir, asm.build.Dockerfile)
	if err != nil {
		return fmt.Errorf("opening the build context: %w", err)
	}
	t.root = local.root
	return t.warnOfIgnored(local.ignored, lint)
}

// said returns the instruction in the form in which BuildKit records it in the history.
func (t *transfer) said() string {
	words := []string{t.name}
	if t.parents {
		words = append(words, "--parents")
	}
	if t.chown != "" {
		words = append(words, "--chown="+t.chown)
	}
	if t.chmod != "" {
		words = append(words, "--chmod="+t.chmod)
	}
	words = append(words, t.SourcePaths...)
	for _, c := range t.SourceContents {
		words = append(words, "<<"+c.Path)
	}
	return strings.Join(append(words, t.DestPath), " ")
}

// transfer runs t in the stage s.
func (asm *assembly) transfer(ctx context.Context, s *stage, t *transfer) error {
	os := s.state.platform.OS
	dest, err := dockerfile.AbsolutePath(s.dir, t.DestPath, os)
	if err != nil {
		return fmt.Errorf("%s to %s: %w", t.name, t.DestPath, err)
	}
	into, err := asm.fs(ctx, s)
	if err != nil {
		return err
	}
	c := &fstree.Copier{Tree: into, ContentsOnly: true}
	if t.chmod != "" {
		if c.Mode, err = fstree.ParseChmod(t.chmod); err != nil {
			return err
		}
	}
	if len(t.exclude) > 0 {
		if c.Exclude, err = patternmatcher.New(t.exclude); err != nil {
			return fmt.Errorf("--exclude: %w", err)
		}
	}
	// BuildKit ignores --link together with --chmod.
	linked := t.link && t.chmod == ""
	if linked {
		c.Tree = fstree.New(fstree.NewFolder())
	}
	if t.chown != "" {
		if c.Owner, err = asm.owner(ctx, s, c.Tree.Root, t.chown); err != nil {
			if linked {
				err = fmt.Errorf("%w; COPY --link does not see the users of the image below it: use numbers", err)
			}
			return fmt.Errorf("--chown=%s: %w", t.chown, err)
		}
	}
	for _, source := range t.SourcePaths {
		if dockerfile.IsURL(source) {
			err = asm.transferURL(ctx, t, c, source, dest)
		} else {
			err = asm.transferLocal(ctx, t, c, source, dest, os)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", t.name, source, t.explain(err))
		}
	}
	for _, inline := range t.SourceContents {
		root := fstree.NewFolder()
		root.Set(inline.Path, inlineFile(inline.Data))
		if err := c.Single().Copy(root, "/"+inline.Path, dest); err != nil {
			return fmt.Errorf("%s <<%s: %w", t.name, inline.Path, err)
		}
	}
	if !linked {
		return s.commit(t.said(), true)
	}
	// A layer of COPY --link does not depend on the layers below. Its folders override
	// the modes and owners of theirs.
	changes, err := c.Tree.TakeChanges()
	if err != nil {
		return err
	}
	if err := into.Apply(changes); err != nil {
		return err
	}
	s.steps = append(s.steps, &step{title: t.said(), changes: changes, form: s.form})
	s.record(t.said()+" # buildkit", true)
	return nil
}

// transferLocal copies the files that match one source.
func (asm *assembly) transferLocal(ctx context.Context, t *transfer, c *fstree.Copier, source, dest, os string) error {
	one, named := *c, source
	var err error
	if t.parents {
		source, err = keepParents(&one, t.root, source, os)
	} else {
		source, err = dockerfile.AbsolutePath("/", source, os)
	}
	if err != nil {
		return err
	}
	matches, err := fstree.Glob(t.root, source)
	if err != nil {
		return err
	}
	for _, match := range matches {
		if t.unpack {
			if done, err := asm.unpackLocal(ctx, &one, t.root, match, dest); err != nil {
				return err
			} else if done {
				continue
			}
		}
		if err := one.Copy(t.root, match, dest); err != nil {
			return err
		}
	}
	if len(matches) == 0 || one.Include != nil && !one.Matched {
		asm.task.Warn(dockerfile.FirstLine(asm.graph.At(t.location, fmt.Errorf("%s %s matches nothing in %s", t.name, named, t.where))))
	}
	return nil
}

// unpackLocal unpacks source into the folder dest if it is an archive, and reports
// whether it is.
func (asm *assembly) unpackLocal(ctx context.Context, c *fstree.Copier, root *fstree.Node, source, dest string) (bool, error) {
	from, err := fstree.Resolve(root, source, true)
	if err != nil || !from.Node.IsFile() {
		return false, err
	}
	file, ok := from.Node.Content.(*fstree.DiskFile)
	if !ok {
		return false, nil
	}
	return asm.unpackFile(ctx, c, file, dest)
}

func (asm *assembly) unpackFile(ctx context.Context, c *fstree.Copier, file *fstree.DiskFile, dest string) (bool, error) {
	ar, err := asm.openTar(ctx, file)
	if err != nil || ar == nil {
		return false, err
	}
	headers, err := asm.indexer.Headers(ctx, ar)
	if err != nil {
		return false, err
	}
	to, err := c.Tree.MakeFolders(dest, fstree.InstructionFolders(0o755, c.Owner))
	if err != nil {
		return false, err
	}
	return true, c.Tree.Unpack(to, c.Owner, ar, headers)
}

// inlineFile returns the file of a heredoc.
func inlineFile(data string) *fstree.Node {
	n := &fstree.Node{Type: tar.TypeReg, Mode: 0o644, ModTime: fstree.UnixEpoch, Size: int64(len(data))}
	if n.Size > 0 {
		n.Content = fstree.Literal(data)
	}
	return n
}

// explain adds to the error about a missing source: where it was looked for, and which
// file may be meant.
func (t *transfer) explain(err error) error {
	var missing *fstree.NotFoundError
	if errors.As(err, &missing) {
		missing.Where = t.where
		if t.root != nil {
			missing.Hint = fstree.Suggest(t.root, missing.Path)
		}
	}
	return err
}

// warnOfIgnored warns about sources that the ignore file excludes. Like BuildKit, it does
// not warn if the ignore file has exceptions, which may re-include files of an excluded
// folder.
func (t *transfer) warnOfIgnored(ignored *buildfile.Ignored, l *linter.Linter) error {
	matcher, err := ignored.Matcher()
	if err != nil || matcher == nil || matcher.Exclusions() {
		return err
	}
	for _, source := range t.SourcePaths {
		clean := filepath.ToSlash(filepath.Clean(source))
		if dockerfile.IsURL(source) || (clean == "." || clean == "/") && !excludesAll(matcher) {
			continue
		}
		if ok, _ := matcher.MatchesOrParentMatches(clean); ok {
			name := strings.ToUpper(t.name[:1]) + strings.ToLower(t.name[1:])
			l.Run(&linter.RuleCopyIgnoredFile, t.location, linter.RuleCopyIgnoredFile.Format(name, clean))
		}
	}
	return nil
}

// excludesAll reports whether a pattern excludes every file at the top level.
func excludesAll(matcher *patternmatcher.PatternMatcher) bool {
	return slices.ContainsFunc(matcher.Patterns(), func(p *patternmatcher.Pattern) bool {
		return !p.Exclusion() && slices.Contains([]string{"*", "**", "**/*"}, p.String())
	})
}
