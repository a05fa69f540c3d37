package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/gocache"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// cacheFlags adds the flags of shared caches.
func (p *Program) cacheFlags(c *cobra.Command) {
	shared := &p.settings.Shared
	c.Flags().StringArrayVar(&shared.From.Texts, "cache-from", shared.From.Texts, "shared cache to read: type=registry,ref=REPOSITORY, type=s3,bucket=NAME,… or type=local,src=DIR; several, in order (environment SLIPWAY_CACHE_FROM)")
	c.Flags().StringArrayVar(&shared.To.Texts, "cache-to", shared.To.Texts, "shared cache to write; type=local,dest=DIR is a folder (environment SLIPWAY_CACHE_TO)")
	p.cacheKeyFlags(c)
}

// cacheKeyFlags adds the flags of the keys of shared caches.
func (p *Program) cacheKeyFlags(c *cobra.Command) {
	shared := &p.settings.Shared
	c.Flags().StringVar(&shared.PublicKey, "cache-public-key", shared.PublicKey, "public keys that entries of shared caches must be signed by: a PEM file or env://NAME (environment SLIPWAY_CACHE_PUBLIC_KEY)")
	c.Flags().StringVar(&shared.Key, "cache-key", shared.Key, "private key that signs new entries of shared caches: a PEM file or env://NAME; COSIGN_PASSWORD is its password (environment SLIPWAY_CACHE_KEY)")
	mustHaveValue(c, "cache-public-key", "cache-key")
}

func (p *Program) cacheCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "cache", Short: "Look into shared caches, and prune them", GroupID: "tools",
		Long: `A shared cache has what is expensive to make, for all machines that build a project:
frames of archives, layers, blobs of registries and what was found in layers. It is a
folder, a bucket of S3 or a repository of a registry. The commands apply to the caches
of --cache-from and --cache-to, or else to those of the nearest slipway.yaml.
See docs/cache.md.`,
	}
	asGroup(c)
	c.AddCommand(p.cacheListCommand(), p.cacheStatsCommand(), p.cachePruneCommand(), p.cacheGoCommand())
	return c
}

// cacheGoCommand is a helper that go runs. Its standard output is for go alone.
func (p *Program) cacheGoCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "go", Short: "Keep Go's build cache in shared caches, as GOCACHEPROG",
		Long: `Go's helper for its build cache (go help cache). Set GOCACHEPROG to "slipway cache go": go
then keeps what it compiles in the content cache, and in shared caches, so that a fresh
machine compiles only what has changed. Shared caches need --cache-public-key to read,
and --cache-key to write: whether an output is that of an action, only go can tell.`,
		Example: examples(`GOCACHEPROG="slipway cache go" SLIPWAY_CACHE_FROM=type=local,src=/mnt/cache SLIPWAY_CACHE_PUBLIC_KEY=cache.pub slipway build`),
		RunE: func(c *cobra.Command, _ []string) error {
			display := progress.New(progress.None, p.Stderr, progress.Options{Title: c.CommandPath(), Getenv: p.getenv})
			defer display.Close()
			ctx := progress.With(c.Context(), display)
			w, err := p.openShared(ctx)
			if err != nil {
				return err
			}
			defer w.Close()
			return gocache.Serve(ctx, w.Cache, p.Stdin, p.Stdout, func() { w.Tidy(ctx) })
		},
	}
	p.sharedFlags(c)
	return c
}

// eachPlace calls do with each shared cache.
func (p *Program) eachPlace(c *cobra.Command, do func(ctx context.Context, place cache.Place) error) error {
	return p.watched(c, func(ctx context.Context) error {
		w, err := p.openShared(ctx)
		if err != nil {
			return err
		}
		defer w.Close()
		places := w.Shared.Places()
		if len(places) == 0 {
			return usage.Errorf("no shared cache: add --cache-from, or cache to slipway.yaml")
		}
		for _, place := range places {
			if err := do(ctx, place); err != nil {
				return err
			}
		}
		return nil
	})
}

// openShared opens a workbench with the shared caches of flags, or else with those of the project.
func (p *Program) openShared(ctx context.Context) (*workbench.Workbench, error) {
	shared := p.settings.Shared
	if len(shared.From.Texts)+len(shared.To.Texts) > 0 {
		return workbench.Open(p.settings.Workbench())
	}
	r, err := release.Open(ctx, p.settings.Release())
	if errors.Is(err, fs.ErrNotExist) && p.settings.Config == "" {
		return workbench.Open(p.settings.Workbench())
	}
	if err != nil {
		return nil, fmt.Errorf("no --cache-from, so slipway.yaml is read: %w", err)
	}
	return r.OpenWorkbench()
}

func (p *Program) sharedFlags(c *cobra.Command) {
	c.Args = cobra.NoArgs
	p.cacheFlags(c)
	c.Flags().StringVar(&p.settings.Config, "config", "", "path of slipway.yaml (default: the nearest one in this folder or above)")
}

// cacheEntry is an entry in the output of cache ls --json.
type cacheEntry struct {
	Place  string    `json:"place"`
	Name   string    `json:"name"`
	Digest string    `json:"digest"`
	Size   int64     `json:"size"`
	Made   time.Time `json:"made"`
	Used   time.Time `json:"used"`
	Signed bool      `json:"signed"`
}

func (p *Program) cacheListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "ls", Short: "List the entries of shared caches",
		Example: examples("slipway cache ls", "slipway cache ls --cache-from type=local,src=/mnt/cache --json"),
		RunE: func(c *cobra.Command, _ []string) error {
			found := []cacheEntry{}
			err := p.eachPlace(c, func(ctx context.Context, place cache.Place) error {
				entries, err := cache.List(ctx, place)
				for _, e := range entries {
					found = append(found, cacheEntry{place.String(), e.Name, e.Sum.String(), e.Size, time.Unix(e.Made, 0).UTC(), time.Unix(e.Used, 0).UTC(), e.Signature != nil})
				}
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return p.writeJSON(found)
			}
			t := progress.NewTable("ENTRY", "SIZE", "MADE", "USED", "SIGNED", "CACHE").AlignRight("SIZE")
			for _, e := range found {
				t.Add(e.Name, progress.FormatBytes(e.Size), e.Made.Format(time.DateOnly), e.Used.Format(time.DateOnly), yesNo(e.Signed), e.Place)
			}
			return t.Write(p.Stdout)
		},
	}
	p.sharedFlags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (p *Program) cacheStatsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "stats", Short: "Show what shared caches have, by kind",
		Example: examples("slipway cache stats", "slipway cache stats --json"),
		RunE: func(c *cobra.Command, _ []string) error {
			found := []cache.Summary{}
			err := p.eachPlace(c, func(ctx context.Context, place cache.Place) error {
				s, err := cache.Summarize(ctx, place)
				found = append(found, s)
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return p.writeJSON(found)
			}
			for i, s := range found {
				if i > 0 {
					fmt.Fprintln(p.Stdout)
				}
				fmt.Fprintf(p.Stdout, "%s: %d entries in %d segments, %s\n", s.Place, s.Entries, s.Segments, progress.FormatBytes(s.Size))
				t := progress.NewTable("KIND", "ENTRIES", "SIGNED", "SIZE", "LAST USED").AlignRight("ENTRIES", "SIGNED", "SIZE")
				for _, k := range s.Kinds {
					t.Add(k.Kind, fmt.Sprint(k.Entries), fmt.Sprint(k.Signed), progress.FormatBytes(k.Size), k.Oldest.Format(time.DateOnly)+" to "+k.Newest.Format(time.DateOnly))
				}
				if err := t.Write(p.Stdout); err != nil {
					return err
				}
			}
			return nil
		},
	}
	p.sharedFlags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func (p *Program) cachePruneCommand() *cobra.Command {
	var (
		olderThan, maxSize string
		all                bool
	)
	c := &cobra.Command{
		Use: "prune", Short: "Remove entries that have not been used, and what no entry needs",
		Long: `Prune removes the entries of shared caches that have not been used for a time, and then
the least recently used ones until a size is reached. It also removes segments that are
damaged, and joins many into few. A registry frees the space when it collects garbage.`,
		Example: examples("slipway cache prune --older-than 30d --max-size 50GB", "slipway cache prune --all"),
		RunE: func(c *cobra.Command, _ []string) error {
			options := cache.PruneOptions{All: all}
			var err error
			if options.OlderThan, err = workbench.ParseAge(olderThan); err != nil {
				return err
			}
			if maxSize != "" {
				if options.MaxSize, err = progress.ParseBytes(maxSize); err != nil {
					return usage.Errorf("--max-size: %w", err)
				}
			}
			return p.eachPlace(c, func(ctx context.Context, place cache.Place) error {
				pruned, err := cache.Prune(ctx, place, options)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.Stdout, "%s: removed %d entries, %s; kept %d\n", place, pruned.Removed, progress.FormatBytes(pruned.Freed), pruned.Kept)
				return err
			})
		},
	}
	p.sharedFlags(c)
	c.Flags().BoolVar(&all, "all", false, "remove everything")
	c.Flags().StringVar(&maxSize, "max-size", "", "remove the least recently used entries until at most this size is left, such as 50GB")
	c.Flags().StringVar(&olderThan, "older-than", "", "remove entries that were not used for this long, such as 12h or 30d")
	mustHaveValue(c, "max-size", "older-than")
	return c
}
