package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipway-build/slipway/build/settings"
)

// A docCommand is a command on a page.
type docCommand struct {
	page  string // such as README.md or docs/release.md
	block int    // the line where its block begins, or 0 in prose
	line  int
	lang  string // of the block
	env   map[string]string
	words []string
}

func (c docCommand) String() string { return strings.Join(c.words, " ") }

func (c docCommand) at() string { return fmt.Sprintf("%s:%d", c.page, c.line) }

var (
	shellComment = regexp.MustCompile(`(^|\s)#.*`)
	shellJoint   = regexp.MustCompile(`&&|\|\|?|;|&$|&\s`)
	shellOutput  = regexp.MustCompile(`\s[<>].*`)
	inlineCode   = regexp.MustCompile("`(slipway [^`]+)`")
)

// docCommands returns the commands in the code blocks of shells and workflows, and slipway's in prose.
func docCommands(t *testing.T) (found []docCommand) {
	root := filepath.Join("..", "..")
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(pages, filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		page, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		at := docCommand{page: filepath.ToSlash(page)}
		for line := range strings.Lines(string(text)) {
			at.line++
			if fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```"); isFence {
				if at.lang = fence; at.block == 0 {
					at.block = at.line
				} else {
					at.block = 0
				}
				continue
			}
			found = append(found, commandsIn(line, at)...)
		}
	}
	return found
}

// commandsIn returns the commands in one line of a page.
func commandsIn(line string, at docCommand) (found []docCommand) {
	if at.block == 0 {
		for _, m := range inlineCode.FindAllStringSubmatch(line, -1) {
			at.words = strings.Fields(m[1])
			found = append(found, at)
		}
		return found
	}
	for _, part := range shellJoint.Split(shellComment.ReplaceAllString(strings.TrimSpace(line), ""), -1) {
		command := at
		command.env, command.words = map[string]string{}, strings.Fields(shellOutput.ReplaceAllString(part, ""))
		for len(command.words) > 1 {
			if name, value, ok := strings.Cut(command.words[0], "="); ok {
				command.env[name] = value
			} else if !slices.Contains([]string{"-", "run:", "export", "sudo"}, command.words[0]) {
				break
			}
			command.words = command.words[1:]
		}
		if len(command.words) > 2 && command.words[0] == "go" && command.words[1] == "tool" {
			command.words = command.words[2:]
		}
		if len(command.words) > 0 {
			found = append(found, command)
		}
	}
	return found
}

// parses returns an error if a command line has an unknown command or flag, a flag with a wrong value, or a wrong number
// of arguments.
func parses(words []string, prose bool) (err error) {
	p := Program{Getenv: func(string) (string, bool) { return "", false }}
	if p.settings, err = settings.From(p.Getenv); err != nil {
		return err
	}
	root := p.root()
	root.InitDefaultCompletionCmd()
	c, rest, err := root.Find(words[1:])
	if err != nil {
		return err
	}
	if err := c.ParseFlags(rest); errors.Is(err, pflag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if len(rest) > 0 || !prose { // prose also contains commands without arguments
		err = c.ValidateArgs(c.Flags().Args())
	}
	return errors.Join(err, p.readFlags())
}

// TestCommandsOfThePagesParse checks that all commands and flags on pages exist, in blocks and in prose.
func TestCommandsOfThePagesParse(t *testing.T) {
	n := 0
	for _, c := range docCommands(t) {
		if c.words[0] != "slipway" {
			continue
		}
		n++
		if err := parses(c.words, c.block == 0); err != nil {
			t.Errorf("%s: %s: %v", c.at(), c, err)
		}
	}
	if n < 100 {
		t.Errorf("found only %d commands", n)
	}
}

// TestExamplesOfTheHelpParse checks the examples in --help in the same way.
func TestExamplesOfTheHelpParse(t *testing.T) {
	p := Program{Getenv: func(string) (string, bool) { return "", false }}
	everyCommand(p.root(), func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			for _, command := range commandsIn(line, docCommand{block: 1}) {
				if err := parses(command.words, false); command.words[0] == "slipway" && err != nil {
					t.Errorf("%s --help: %s: %v", c.CommandPath(), command, err)
				}
			}
		}
	})
}
