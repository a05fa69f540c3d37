package slipway_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

var (
	mdLink    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	mdHeading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	mdFence   = regexp.MustCompile("(?ms)^ *```.*?^ *```[ \t]*$")
	notAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors returns GitHub's anchors for the headings of a page.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, m := range mdHeading.FindAllStringSubmatch(mdFence.ReplaceAllString(page, ""), -1) {
		found[strings.ReplaceAll(notAnchor.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return found
}

// Every link between pages leads to a file, and to a heading if it has an anchor. Every page of docs can be reached from
// the README. Lines of text have at most 120 characters; tables, code and links cannot be wrapped.
func TestPagesAreLinked(t *testing.T) {
	git := imagetest.Program(t, "git")
	out, err := exec.CommandContext(t.Context(), git, "ls-files", "--cached", "--others", "--exclude-standard", "*.md").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	reached := map[string]bool{}
	pages := strings.Fields(string(out))
	for _, page := range pages {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text := mdFence.ReplaceAllString(string(raw), "")
		for i, line := range strings.Split(text, "\n") {
			if n := len([]rune(line)); n > 120 && !strings.HasPrefix(line, "|") && !strings.Contains(line, "](") {
				t.Errorf("%s: line %d outside code has %d characters: %.60s…", page, i+1, n, line)
			}
		}
		for _, m := range mdLink.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			file := page
			if target != "" {
				file = filepath.Join(filepath.Dir(page), filepath.FromSlash(target))
			}
			other, err := os.ReadFile(file)
			if info, e := os.Stat(file); e == nil && info.IsDir() {
				err = nil
			}
			if err != nil {
				t.Errorf("%s: the link %s leads nowhere", page, m[1])
				continue
			}
			reached[filepath.ToSlash(file)] = true
			if anchor != "" && strings.HasSuffix(file, ".md") && !anchors(string(other))[anchor] {
				t.Errorf("%s: the link %s leads to no heading", page, m[1])
			}
		}
	}
	for _, page := range pages {
		if strings.HasPrefix(page, "docs/") && !reached[page] {
			t.Errorf("no page links to %s", page)
		}
	}
}
