package cli

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipway-build/slipway/build/settings"
	"github.com/slipway-build/slipway/internal/golden"
)

// The packages of this repository contain a man page and completions, which are generated from the
// commands.
func TestPackagingIsCommitted(t *testing.T) {
	p := Program{Getenv: func(string) (string, bool) { return "", false }}
	p.settings, _ = settings.From(func(name string) (string, bool) {
		return map[string]string{"SLIPWAY_CACHE": "~/.cache/slipway", "JOBS": "1"}[name], true
	})
	root := p.root()
	folder := filepath.Join("..", "..", "packaging")
	golden.EqualFile(t, filepath.Join(folder, "slipway.1"), manPage(root))
	for name, write := range map[string]func(*bytes.Buffer) error{
		"slipway.bash": func(b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) },
		"_slipway":     func(b *bytes.Buffer) error { return root.GenZshCompletion(b) },
		"slipway.fish": func(b *bytes.Buffer) error { return root.GenFishCompletion(b, true) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden.EqualFile(t, filepath.Join(folder, name), b.Bytes())
	}
}

// manPage returns one page for all commands, in the format of man(7).
func manPage(root *cobra.Command) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, ".TH SLIPWAY 1\n.SH NAME\nslipway \\- %s\n", roff(strings.ToLower(root.Short[:1])+root.Short[1:]))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B slipway\n.I COMMAND\n[\\fIFLAGS\\fR]\n.SH DESCRIPTION\n%s\n", paragraphs(root.Long))
	b.WriteString(".SH COMMANDS\n")
	everyCommand(root, func(c *cobra.Command) {
		if !c.Runnable() || c.HasSubCommands() && c.Name() != "publish" || c.Hidden || c.Name() == "help" {
			return
		}
		fmt.Fprintf(&b, ".SS %s\n", roff(c.UseLine()))
		long := c.Long
		if long == "" {
			long = c.Short + "."
		}
		b.WriteString(paragraphs(long) + "\n")
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) { b.WriteString(option(f)) })
		if c.Example != "" {
			fmt.Fprintf(&b, ".PP\nExamples:\n.PP\n.nf\n%s\n.fi\n", roff(c.Example))
		}
	})
	b.WriteString(".SH FLAGS OF ALL COMMANDS\n")
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) { b.WriteString(option(f)) })
	b.WriteString(".SH EXIT STATUS\n0 when done, 1 when something failed, 2 for wrong usage or configuration, 128 and the number of the signal when interrupted.\n" +
		".SH SEE ALSO\nThe documents in /usr/share/doc/slipway.\n")
	return b.Bytes()
}

// option returns the entry of a flag.
func option(f *pflag.Flag) string {
	kind, usage := pflag.UnquoteUsage(f)
	names := "--" + f.Name
	if f.Shorthand != "" {
		names = "-" + f.Shorthand + ", " + names
	}
	if kind != "" {
		names += " " + kind
	}
	return fmt.Sprintf(".TP\n.B %s\n%s\n", roff(names), roff(usage))
}

// paragraphs converts empty lines to paragraphs.
func paragraphs(text string) string {
	return strings.ReplaceAll(roff(strings.TrimSpace(text)), "\n\n", "\n.PP\n")
}

// roff escapes text that roff would interpret as commands.
func roff(text string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	var b strings.Builder
	for _, r := range strings.Join(lines, "\n") {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return b.String()
}
