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

// ErrNoRepository says that a folder is in no git repository.
var ErrNoRepository = errors.New("not a git repository")

// A Description is what git knows about a checkout beside its Head. Its tags are those that Describe was asked for.
type Description struct {
	// Nearest is the nearest tag, as git describe finds it, or empty. Of several tags on its commit it is the highest.
	Nearest string
	// Since is the number of commits since Nearest.
	Since int
	// Previous is the nearest tag that is not on the commit that is checked out, or empty.
	Previous string
	// Shallow says that git has only the last commits, so that it may not find a tag.
	Shallow bool
	// Remotes are the URLs of the remotes, by name.
	Remotes map[string]string
}

// maxDescribed limits the tags that git describe chooses from, since a command line of Windows has at most 32 KiB. The
// newest are taken.
const maxDescribed = 400

// Describe describes the checkout that contains dir, with the tags that begin with prefix and match pattern after it.
// Without a repository the error is ErrNoRepository.
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
	tags, err := earlierTags(ctx, dir, prefix, pattern)
	if err != nil {
		return d, err
	}
	if d.Nearest, d.Since, err = nearest(ctx, dir, tags); err != nil {
		return d, err
	}
	d.Previous = d.Nearest
	if d.Nearest != "" && d.Since == 0 {
		head := commitOf(tags, d.Nearest)
		tags = slices.DeleteFunc(tags, func(t taggedCommit) bool { return t.commit == head })
		d.Previous, _, err = nearest(ctx, dir, tags)
	}
	return d, err
}

// A taggedCommit is a tag and the full hash of its commit.
type taggedCommit struct{ tag, commit string }

func commitOf(tags []taggedCommit, tag string) string {
	return tags[slices.IndexFunc(tags, func(t taggedCommit) bool { return t.tag == tag })].commit
}

// earlierTags returns the newest tags of the commit that is checked out and of its ancestors, the highest first.
func earlierTags(ctx context.Context, dir, prefix string, pattern *regexp.Regexp) ([]taggedCommit, error) {
	out, err := git(ctx, dir, "for-each-ref", "--merged=HEAD", "--sort=-creatordate",
		"--format=%(refname:strip=2) %(objectname) %(*objectname)", "refs/tags")
	if err != nil && strings.Contains(err.Error(), "malformed object name") {
		return nil, nil // no commit
	}
	if err != nil {
		return nil, err
	}
	var tags []taggedCommit
	for line := range strings.Lines(out) {
		fields := strings.Fields(line) // the last is that of the commit of an annotated tag
		version, ok := strings.CutPrefix(fields[0], prefix)
		if ok && pattern.MatchString(version) && len(tags) < maxDescribed {
			tags = append(tags, taggedCommit{fields[0], fields[len(fields)-1]})
		}
	}
	slices.SortStableFunc(tags, func(a, b taggedCommit) int {
		return Compare(strings.TrimPrefix(b.tag, prefix), strings.TrimPrefix(a.tag, prefix))
	})
	return tags, nil
}

// nearest returns the nearest of the tags, and the number of commits since, or "".
func nearest(ctx context.Context, dir string, tags []taggedCommit) (tag string, since int, err error) {
	if len(tags) == 0 {
		return "", 0, nil
	}
	args := []string{"describe", "--tags", "--long"}
	for _, t := range tags {
		args = append(args, "--match="+t.tag)
	}
	out, err := git(ctx, dir, args...)
	if err != nil {
		return "", 0, err
	}
	parts := strings.Split(strings.TrimSpace(out), "-") // TAG-SINCE-gCOMMIT
	if n := len(parts); n > 2 {
		tag = strings.Join(parts[:n-2], "-")
		since, err = strconv.Atoi(parts[n-2])
	}
	found := slices.ContainsFunc(tags, func(t taggedCommit) bool { return t.tag == tag })
	if err != nil || !found {
		return "", 0, fmt.Errorf("running git describe in %s: %q is not a description", dir, out)
	}
	commit := commitOf(tags, tag)
	highest := slices.IndexFunc(tags, func(t taggedCommit) bool { return t.commit == commit })
	return tags[highest].tag, since, nil
}
