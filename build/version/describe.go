package version

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/process"
)

// ErrNoRepository means that a folder is not in a git repository.
var ErrNoRepository = errors.New("not a git repository")

// A Description is git's information about a checkout, besides its Head. Its tags are those that Describe was asked
// for.
type Description struct {
	// Nearest is the nearest tag, as git describe finds it, or empty. Of several tags on its commit, it is the highest.
	Nearest string
	// Since is the number of commits since Nearest.
	Since int
	// Previous is the nearest tag that is not on the current commit, or empty.
	Previous string
	// Shallow means that the repository has only the last commits, so that a tag may be missing.
	Shallow bool
	// Remotes are the URLs of the remotes, by name.
	Remotes map[string]string
}

// maxDescribed limits the number of tags that are passed to git describe, since a command line of Windows has at most
// 32 KiB. The newest are passed.
const maxDescribed = 400

// Describe describes the checkout that contains dir, with the tags that begin with prefix and match pattern after it.
// Without a repository, the error wraps ErrNoRepository.
func Describe(ctx context.Context, dir, prefix string, pattern *regexp.Regexp) (Description, error) {
	d := Description{Remotes: map[string]string{}}
	remotes, err := git(ctx, dir, "remote", "-v")
	switch {
	case errors.Is(err, process.ErrNotFound) && !insideRepository(dir), err != nil && strings.Contains(err.Error(), "not a git repository"):
		return d, fmt.Errorf("%s: %w", dir, ErrNoRepository)
	case err != nil:
		return d, err
	}
	for line := range strings.Lines(remotes) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[2] == "(fetch)" {
			d.Remotes[fields[0]] = fields[1]
		}
	}
	shallow, err := git(ctx, dir, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return d, err
	}
	d.Shallow = strings.TrimSpace(shallow) == "true"
	tags := tagFinder{dir, prefix, pattern}
	if d.Nearest, d.Since, err = tags.nearest(ctx, nil); err != nil {
		return d, err
	}
	d.Previous = d.Nearest
	if d.Nearest != "" && d.Since == 0 {
		onHead, err := tags.on(ctx, "HEAD")
		if err != nil {
			return d, err
		}
		if d.Previous, _, err = tags.nearest(ctx, onHead); err != nil {
			return d, err
		}
	}
	return d, nil
}

// A tagFinder finds the tags of a checkout that begin with a prefix and match a pattern after it.
type tagFinder struct {
	dir, prefix string
	pattern     *regexp.Regexp
}

func (f tagFinder) has(tag string) bool {
	version, ok := strings.CutPrefix(tag, f.prefix)
	return ok && f.pattern.MatchString(version)
}

// nearest returns the nearest tag that is not in without, and the number of commits since, or "".
func (f tagFinder) nearest(ctx context.Context, without []string) (tag string, since int, err error) {
	args := []string{"--match=" + f.prefix + "*"}
	for _, t := range without {
		args = append(args, "--exclude="+t)
	}
	tag, since, err = f.describe(ctx, args)
	if err != nil || tag == "" {
		return "", 0, err
	}
	if !f.has(tag) {
		// Git supports only globs. Listing the tags takes several times as long.
		if args, err = f.earlier(ctx, without); err != nil || len(args) == 0 {
			return "", 0, err
		}
		if tag, since, err = f.describe(ctx, args); err != nil || tag == "" {
			return "", 0, err
		}
	}
	same, err := f.on(ctx, "refs/tags/"+tag+"^{commit}")
	if err != nil {
		return "", 0, err
	}
	return slices.MaxFunc(append(same, tag), func(a, b string) int {
		return Compare(strings.TrimPrefix(a, f.prefix), strings.TrimPrefix(b, f.prefix))
	}), since, nil
}

// describe returns the result of git describe, or "" if there is no matching tag.
func (f tagFinder) describe(ctx context.Context, args []string) (tag string, since int, err error) {
	out, err := git(ctx, f.dir, append([]string{"describe", "--tags", "--long"}, args...)...)
	if err != nil {
		for _, none := range []string{"cannot describe", "can describe", "Not a valid object name"} { // the last: no commit
			if strings.Contains(err.Error(), none) {
				return "", 0, nil
			}
		}
		return "", 0, err
	}
	parts := strings.Split(strings.TrimSpace(out), "-") // TAG-SINCE-gCOMMIT
	if n := len(parts); n > 2 {
		tag = strings.Join(parts[:n-2], "-")
		since, err = strconv.Atoi(parts[n-2])
	}
	if err != nil || tag == "" {
		return "", 0, fmt.Errorf("running git describe in %s: %q is not a description", f.dir, out)
	}
	return tag, since, nil
}

// on returns the tags of a commit.
func (f tagFinder) on(ctx context.Context, commit string) ([]string, error) {
	out, err := git(ctx, f.dir, "tag", "--points-at", commit)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(strings.Fields(out), func(tag string) bool { return !f.has(tag) }), nil
}

// earlier returns arguments of git describe for the newest tags of the current commit and its ancestors, except for
// those in without.
func (f tagFinder) earlier(ctx context.Context, without []string) ([]string, error) {
	out, err := git(ctx, f.dir, "for-each-ref", "--merged=HEAD", "--sort=-creatordate", "--format=%(refname:strip=2)", "refs/tags")
	if err != nil {
		return nil, err
	}
	var args []string
	for _, tag := range strings.Fields(out) {
		if f.has(tag) && !slices.Contains(without, tag) && len(args) < maxDescribed {
			args = append(args, "--match="+tag)
		}
	}
	return args, nil
}
