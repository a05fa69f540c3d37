package assemble

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

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
	// unpack says whether archives are unpacked; of URLs only if asked for.
	unpack, unpackURLs bool
	checksum           string
	// root is the file system to copy from, called where in messages.
	root  *node
	where string
}

func (asm *assembly) copyCommand(ctx context.Context, s *stage, c *instructions.CopyCommand, from *stage, lint *linter.Linter) error {
	t := &transfer{
		SourcesAndDest: c.SourcesAndDest, name: "COPY", location: c.Location(), chown: c.Chown, chmod: c.Chmod,
		link: c.Link, parents: c.Parents, exclude: c.ExcludePatterns,
	}
	for _, source := range c.SourcePaths {
		if isURL(source) || isGit(source) {
			return fmt.Errorf("COPY %s: COPY takes no URL; ADD does", source)
		}
	}
	var err error
	switch {
	case from == nil:
		err = asm.fromContext(t, lint)
	case from.index > s.index:
		return fmt.Errorf("COPY --from=%s: stage %s comes after this one; put it before", c.From, from.title())
	default:
		if t.where = "stage " + from.title(); from.index < 0 {
			t.where = "image " + from.BaseName
		}
		if from.context != nil {
			t.where = "build context " + from.context.name
			if from.context.dir != "" {
				t.where += " (" + from.context.dir + ")"
			}
		}
		t.root, err = asm.source(ctx, from)
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
		if isGit(source) { // one that became one by expansion
			return fmt.Errorf("ADD of a git repository runs git, which the embedded builder does not do; %s", otherBuilders)
		}
	}
	if c.Checksum != "" {
		switch {
		case len(c.SourcePaths) != 1:
			return errors.New("ADD --checksum is for one source")
		case !isURL(c.SourcePaths[0]):
			return errors.New("ADD --checksum is for a URL")
		}
	}
	if err := asm.fromContext(t, lint); err != nil {
		return err
	}
	return asm.unlessFailed(func() error { return asm.transfer(ctx, s, t) })
}

// fromContext makes t copy from the build context.
func (asm *assembly) fromContext(t *transfer, lint *linter.Linter) error {
	t.where = "the build context " + asm.build.Dir
	if !slices.ContainsFunc(t.SourcePaths, func(source string) bool { return !isURL(source) }) {
		return nil
	}
	local, err := asm.localContext(asm.build.Dir, asm.build.Dockerfile)
	if err != nil {
		return fmt.Errorf("opening the build context: %w", err)
	}
	t.root = local.root
	return t.warnOfIgnored(local.ignored, lint)
}

// said is the instruction as the history has it.
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

// transfer runs t in stage s.
func (asm *assembly) transfer(ctx context.Context, s *stage, t *transfer) error {
	os := s.state.platform.OS
	dest, err := absolute(s.dir, t.DestPath, os)
	if err != nil {
		return fmt.Errorf("%s to %s: %w", t.name, t.DestPath, err)
	}
	into, err := asm.fs(ctx, s)
	if err != nil {
		return err
	}
	c := &copier{tree: into, contentsOnly: true}
	if t.chmod != "" {
		if c.mode, err = parseChmod(t.chmod); err != nil {
			return err
		}
	}
	if len(t.exclude) > 0 {
		if c.exclude, err = patternmatcher.New(t.exclude); err != nil {
			return fmt.Errorf("--exclude: %w", err)
		}
	}
	// BuildKit ignores --link together with --chmod.
	linked := t.link && t.chmod == ""
	if linked {
		c.tree = newTree(newFolder())
	}
	if t.chown != "" {
		if c.owner, err = asm.owner(ctx, s, c.tree.root, t.chown); err != nil {
			if linked {
				err = fmt.Errorf("%w; a linked copy knows nothing of the image below it", err)
			}
			return fmt.Errorf("--chown=%s: %w", t.chown, err)
		}
	}
	for _, source := range t.SourcePaths {
		if isURL(source) {
			err = asm.transferURL(ctx, t, c, source, dest)
		} else {
			err = asm.transferLocal(ctx, t, c, source, dest, os)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", t.name, source, t.explain(err))
		}
	}
	for _, inline := range t.SourceContents {
		root := newFolder()
		root.entries[inline.Path] = inlineFile(inline.Data)
		if err := c.single().copy(root, "/"+inline.Path, dest); err != nil {
			return fmt.Errorf("%s <<%s: %w", t.name, inline.Path, err)
		}
	}
	if !linked {
		return s.commit(t.said(), true)
	}
	// A linked layer stands on its own: it knows nothing of what it lies on, and
	// its folders replace the modes and owners of those.
	changes, err := c.tree.takeChanges()
	if err != nil {
		return err
	}
	if err := into.apply(changes); err != nil {
		return err
	}
	clear(into.changed)
	clear(into.replaced)
	s.steps = append(s.steps, &step{title: t.said(), changes: changes, form: s.form})
	s.record(t.said()+" # buildkit", true)
	return nil
}

// single is c for one file that COPY or ADD makes up: nothing is left out.
func (c *copier) single() *copier {
	s := *c
	s.contentsOnly, s.include, s.exclude = false, nil, nil
	return &s
}

// transferLocal copies one source, which may have wildcards.
func (asm *assembly) transferLocal(ctx context.Context, t *transfer, c *copier, source, dest, os string) error {
	one, named := *c, source
	var err error
	if t.parents {
		source, err = one.keepParents(t.root, source, os)
	} else {
		source, err = absolute("/", source, os)
	}
	if err != nil {
		return err
	}
	matches, err := expandWildcards(t.root, source)
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
		if err := one.copy(t.root, match, dest); err != nil {
			return err
		}
	}
	if len(matches) == 0 || one.include != nil && !one.matched {
		asm.task.Warn(firstLine(asm.file.at(t.location, fmt.Errorf("%s %s matches nothing in %s", t.name, named, t.where))))
	}
	return nil
}

// unpackLocal unpacks source to the folder dest if it is an archive.
func (asm *assembly) unpackLocal(ctx context.Context, c *copier, root *node, source, dest string) (bool, error) {
	from, err := resolve(root, source, true)
	if err != nil || !from.node.isFile() {
		return false, err
	}
	file, ok := from.node.content.(*diskFile)
	if !ok {
		return false, nil
	}
	return asm.unpackFile(ctx, c, file, dest)
}

func (asm *assembly) unpackFile(ctx context.Context, c *copier, file *diskFile, dest string) (bool, error) {
	ar, err := asm.openTar(ctx, file)
	if err != nil || ar == nil {
		return false, err
	}
	headers, err := asm.index(ctx, ar)
	if err != nil {
		return false, err
	}
	to, err := c.tree.makeFolders(dest, instructionFolders(0o755, c.owner))
	if err != nil {
		return false, err
	}
	return true, c.tree.unpack(to, c.owner, ar, headers)
}

// inlineFile is a file that stands in the Dockerfile.
func inlineFile(data string) *node {
	n := &node{typ: tar.TypeReg, mode: 0o644, modTime: unixEpoch, size: int64(len(data))}
	if n.size > 0 {
		n.content = literal(data)
	}
	return n
}

// explain adds to an error where the file was looked for, and which other may be
// meant.
func (t *transfer) explain(err error) error {
	var missing *notFoundError
	if errors.As(err, &missing) {
		missing.where = t.where
		if t.root != nil {
			missing.hint = suggestPath(t.root, missing.path)
		}
	}
	return err
}

// suggestPath proposes a name that is in the folder in which p was looked for.
func suggestPath(root *node, p string) string {
	at, err := resolve(root, path.Dir(path.Clean(p)), true)
	if err != nil || !at.node.isDir() {
		return ""
	}
	names, err := at.node.names()
	if err != nil {
		return ""
	}
	near := nearest(path.Base(p), names)
	if near == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", relative(path.Join(at.path, near)))
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
