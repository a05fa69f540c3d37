package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

func (p *Program) pushCommand() *cobra.Command {
	var (
		job    build.PushJob
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "push FILE|DIR… REGISTRY[/PREFIX]",
		Short: "Push the images of archives to a registry, which then serves them to nodes",
		Long: `Push names images as in the archives, without their own registry, so that a mirror
finds them: docker.io/rancher/x:v1 goes to REGISTRY/PREFIX/rancher/x:v1. Images for
different platforms that get one name become an index. Different images for one
platform that get one name are an error, and nothing is pushed: --keep-registry tells
apart those of different registries. What is there is skipped. Archives packed with
--layers original keep every digest; the layers of others are gzipped.`,
		Args: cobra.MinimumNArgs(2),
		Example: examples("slipway airgap push images.tar.zst registry.example.com:5000",
			"slipway airgap push /media/usb registry.example.com/mirror",
			"slipway airgap push --keep-registry images.tar.zst registry.example.com"),
		RunE: func(c *cobra.Command, words []string) error {
			var pushed []build.Pushed
			err := p.watched(c, func(ctx context.Context) error {
				w, err := build.OpenWorkbench(p.settings)
				if err != nil {
					return err
				}
				defer w.Close()
				job.Archives, job.Target = words[:len(words)-1], words[len(words)-1]
				pushed, err = w.PushArchives(ctx, job)
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return progress.WriteJSON(p.Stdout, pushed)
			}
			for _, i := range pushed {
				var platforms []string
				for _, platform := range i.Platforms {
					platforms = append(platforms, platform.String())
				}
				fmt.Fprintf(p.Stdout, "%s@%s\t%s\n", i.Ref, i.Digest, strings.Join(platforms, " "))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&job.KeepRegistry, "keep-registry", false,
		"keep the registry in each name: REGISTRY/PREFIX/docker.io/rancher/x:v1; localhost:5000 becomes localhost-5000")
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func (p *Program) serveCommand() *cobra.Command {
	var address string
	c := &cobra.Command{
		Use:   "serve FILE|DIR…",
		Short: "Be a read-only registry of the images in archives",
		Long: `Serve answers containerd, docker, crane and skopeo from the archives as they lie. An
image is served with and without its own registry in front of its name:
docker pull HOST:PORT/rancher/x:v1. One that was packed by its digest can be had by
that digest if the archive has original layers, and as :pinned-HEX.

Layers of compressed archives are decompressed when they are first asked for, into a
folder of the cache that is removed at the end; SLIPWAY_CACHE_SIZE bounds it too.
Memory does not grow with the number of clients. An interrupt ends it.`,
		Args: cobra.MinimumNArgs(1),
		Example: examples("slipway airgap serve images.tar.zst",
			"slipway airgap serve --addr 0.0.0.0:5000 /media/usb"),
		RunE: func(c *cobra.Command, paths []string) error {
			files, err := airgap.ListArchives(paths)
			if err != nil {
				return err
			}
			if len(files) == 0 {
				return usage.Errorf("there is no archive in %s", strings.Join(paths, ", "))
			}
			var archives []*airgap.Archive
			defer func() {
				for _, a := range archives {
					a.Close()
				}
			}()
			for _, file := range files {
				a, err := airgap.Open(c.Context(), file)
				if err != nil {
					return err
				}
				archives = append(archives, a)
			}
			ctx, cancel := context.WithCancel(c.Context())
			defer cancel()
			server, err := airgap.NewServer(ctx, archives, airgap.ServeOptions{Dir: filepath.Join(p.settings.Cache, "serve"), Limit: p.settings.CacheSize,
				Log: func(line string) { fmt.Fprintln(p.Stderr, "slipway: "+line) }})
			if err != nil {
				return err
			}
			listener, err := (&net.ListenConfig{}).Listen(c.Context(), "tcp", address)
			if err != nil {
				return fmt.Errorf("--addr %s: %w", address, err)
			}
			for _, a := range archives {
				if !a.Seekable() {
					fmt.Fprintf(p.Stderr, "slipway: %s has no index, so that each blob is found by reading what is before it; pack it anew to serve it fast\n", a.Path())
				}
			}
			fmt.Fprintf(p.Stdout, "serving %d archives at %s\n", len(archives), listener.Addr())
			err = server.Serve(ctx, listener)
			cancel()
			return errors.Join(err, server.Close())
		},
	}
	c.Flags().StringVar(&address, "addr", "127.0.0.1:5000", "address to listen at; port 0 takes a free one")
	return c
}
