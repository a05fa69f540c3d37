package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/build/workbench/olds"
	"github.com/slipway-build/slipway/images/airgap/delta"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

func (p *Program) diffCommand() *cobra.Command {
	var opts delta.Options
	var layers bool
	c := p.deltaCommand(&cobra.Command{
		Use:   "diff (OLD | --from OLD… | -f LIST.txt) NEW -o DELTA",
		Short: "Write the difference between old archives and a new one",
		Long: `Diff writes a delta. Apply recreates the new archive, byte for byte, from the old archive
and the delta. The delta of a patch release is about as large as what changed in the files
of its layers. With --from, a delta is made for several old archives, all of which are
needed to apply it. All archives must have the same format. They may be https:// URLs.

OLD may also be images that are not in an archive:
` + olds.Forms + `.
The delta is then for the layers of the old images, wherever they are when it is applied,
archives included; with --layers, it is so for archives, too.

To recreate a .tar.zst or .tar.gz, apply compresses the changed layers again, with the same
version of the encoder. Other versions of Slipway may refuse the delta. With --portable, any version
can apply it, and it is larger: it contains the changed layers compressed.`,
		Example: examples("slipway airgap diff v1.34.1/images.tar.zst v1.34.2/images.tar.zst -o images.delta",
			"slipway airgap diff --from v1.34.1/core.tar.zst --from v1.34.1/cilium.tar.zst v1.34.2/images.tar.zst -o images.delta",
			"slipway airgap diff -f v1.34.1/images.txt v1.34.2/images.tar.zst -o images.delta"),
	}, "delta to write", func(ctx context.Context, named *olds.Finder, new, output string) (string, error) {
		r, err := delta.Write(ctx, named.ToDiff(new, layers), new, output, opts)
		made := ""
		if r.Made > 0 {
			made = fmt.Sprintf(", and %s are made of its content", progress.FormatBytes(r.Made))
		}
		return fmt.Sprintf("%s: %s, in place of %s; %s are taken from %s%s\n", output, progress.FormatBytes(r.Size),
			progress.FormatBytes(r.New.Size), progress.FormatBytes(r.Copied), redact.Text(strings.Join(named.Named, ", ")), made), err
	})
	c.Flags().BoolVar(&layers, "layers", false, "write a delta for the layers of the old images, for nodes and registries that do not have the old archive")
	c.Flags().BoolVar(&opts.Portable, "portable", false, "write a delta that any version of Slipway can apply")
	return c
}

func (p *Program) applyCommand() *cobra.Command {
	var split string
	c := p.deltaCommand(&cobra.Command{
		Use:   "apply (OLD | --from OLD… | -f LIST.txt) DELTA -o NEW",
		Short: "Recreate a new archive from old ones and a delta",
		Long: `Apply recreates the new archive, byte for byte, and checks its SHA-256. It refuses an old
archive that is damaged, or not the one that the delta was made for, before it writes
anything. With --from, name all old archives that the delta was made for, in any order;
others are ignored. OLD and DELTA may be https:// URLs.

A delta that was made for layers is applied to archives, or to other places that have them:
` + olds.RegistryForm + `,
` + olds.Forms + `.`,
		Example: examples("slipway airgap apply v1.34.1/images.tar.zst images.delta -o images.tar.zst",
			"slipway airgap apply images.tar.zst https://example.com/v1.34.2/images.delta -o images.tar.zst",
			"slipway airgap apply --from core.tar.zst --from cilium.tar.zst images.delta -o images.tar.zst",
			"slipway airgap apply registry:registry.example.com:5000 images.delta -o images.tar.zst"),
	}, "archive to write", func(ctx context.Context, named *olds.Finder, file, output string) (string, error) {
		var most int64
		if split != "" {
			var err error
			if most, err = progress.ParseBytes(split); err != nil {
				return "", usage.Errorf("--split: %w", err)
			}
		}
		r, err := delta.Apply(ctx, named.ToApply(), file, output, most)
		return fmt.Sprintf("%s: %s, sha256:%s\n", output, progress.FormatBytes(r.New.Size), r.New.SHA256), err
	})
	c.Flags().StringVar(&split, "split", "", "split the archive into parts of at most this size, such as 1900MB, as airgap pack does")
	mustHaveValue(c, "split")
	return c
}

// deltaCommand adds -o, --from and -f to a command for olds and another file, and prints the text that work returns.
func (p *Program) deltaCommand(c *cobra.Command, about string, work func(ctx context.Context, named *olds.Finder, file, output string) (string, error)) *cobra.Command {
	var output string
	named := p.namedOlds(c)
	c.Flags().StringVarP(&output, "output", "o", "", about)
	c.RunE = func(c *cobra.Command, words []string) error {
		if output == "" {
			return usage.Errorf("missing output file: add -o FILE")
		}
		olds, file, err := named(words)
		if err != nil {
			return err
		}
		var said string
		err = p.watched(c, func(ctx context.Context) (err error) {
			said, err = work(ctx, p.find(olds), file, output)
			return err
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(p.Stdout, said)
		return err
	}
	return c
}

// namedOlds adds --from and -f to a command for olds and another file, and returns a function that returns both.
func (p *Program) namedOlds(c *cobra.Command) func(words []string) (named []string, file string, err error) {
	var from, lists []string
	c.Flags().StringArrayVar(&from, "from", nil, "old archive or images, in place of OLD; can be repeated")
	c.Flags().StringArrayVarP(&lists, "file", "f", nil, "list of old images in registries, in place of OLD: one reference per line, # starts a comment; - is standard input")
	mustHaveValue(c, "from", "file")
	c.Args = func(c *cobra.Command, words []string) error {
		if len(from)+len(lists) > 0 {
			return cobra.ExactArgs(1)(c, words)
		}
		return cobra.ExactArgs(2)(c, words)
	}
	return func(words []string) ([]string, string, error) {
		last := len(words) - 1
		named := slices.Concat(from, words[:last])
		entries, err := p.readLists(lists)
		if err != nil {
			return nil, "", usage.Wrap(err)
		}
		for _, e := range entries {
			named = append(named, "docker-image://"+e.Ref.String())
		}
		return named, words[last], nil
	}
}

// find returns a Finder for olds.
func (p *Program) find(named []string) *olds.Finder {
	return &olds.Finder{Open: func() (*workbench.Workbench, error) { return workbench.Open(p.settings.Workbench()) }, Named: named}
}

// oldFlag lets a command that reads archives take a delta in place of one.
func (p *Program) oldFlag(c *cobra.Command) {
	c.Flags().StringArrayVar(&p.olds, "old", nil, "archive or images that a delta was made for, to use the delta in place of the new archive; as for airgap apply, and can be repeated")
	mustHaveValue(c, "old")
}

// useOlds opens deltas with the archives of --old.
func (p *Program) useOlds(c *cobra.Command) {
	if len(p.olds) > 0 {
		p.usedOlds = &atomic.Bool{}
		c.SetContext(delta.With(c.Context(), p.find(p.olds).ToApply(), filepath.Join(p.settings.Cache, "deltas"), func() { p.usedOlds.Store(true) }))
	}
}

// warnUnused warns if a command was given --old, but no delta.
func (p *Program) warnUnused(ctx context.Context) {
	if len(p.olds) > 0 && !p.usedOlds.Load() {
		progress.Warn(ctx, "--old has no effect: none of the archives is a delta")
	}
}
