package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/serve"
	"github.com/slipway-build/slipway/internal/usage"
)

func (p *Program) pushCommand() *cobra.Command {
	var (
		job         workbench.PushJob
		compression string
		trust       trustFlags
		asJSON      bool
	)
	c := &cobra.Command{
		Use:   "push FILE|DIR… REGISTRY[/PREFIX]",
		Short: "Push the images of archives to registries",
		Long: `Push names images as in the archives, without their registry, so that they can be used
through a mirror: docker.io/rancher/x:v1 is pushed to REGISTRY/PREFIX/rancher/x:v1.
Images for different platforms with the same name become an index. Different images for
the same platform and with the same name are an error, and nothing is pushed; use
--keep-registry if they come from different registries. Existing content is skipped, and
content of another repository of the registry is mounted.

Archives packed with --layers original keep every digest. A .tar.gz keeps the digests of
layers that the source registry has as gzip, and with a proof those of images, too. Other
layers are compressed, once for all registries; the cache keeps them. --compression zstd
compresses all layers that are not original, which changes their digests; registries and
nodes must support zstd.

Signatures and other referrers in the proof of an archive are pushed if the manifests that
they refer to have kept their digests. With --key or --policy, archives are verified first,
and nothing is pushed of one that fails.

At most --jobs blobs (at least 4) are sent at the same time over all registries. At most
twice as many requests ask for content, and as many write manifests, one in a repository. A
registry that limits its rate is asked again later.`,
		Args: cobra.MinimumNArgs(2),
		Example: examples("slipway airgap push images.tar.zst registry.example.com:5000",
			"slipway airgap push /media/usb registry.example.com/mirror",
			"slipway airgap push --keep-registry images.tar.zst registry.example.com",
			"slipway airgap push --compression zstd images.tar.zst a.example.com --also b.example.com"),
		RunE: func(c *cobra.Command, words []string) (err error) {
			var pushed []workbench.Pushed
			if job.Compression, err = pushCompression(compression); err != nil {
				return err
			}
			if job.Policy, err = trust.policy(); err != nil {
				return err
			}
			err = p.withWorkbench(c, func(ctx context.Context, w *workbench.Workbench) (err error) {
				job.Archives, job.Target = words[:len(words)-1], words[len(words)-1]
				pushed, err = w.PushArchives(ctx, job)
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return p.writeJSON(pushedTags(pushed))
			}
			for _, i := range pushed {
				var platforms []string
				for _, platform := range i.Platforms {
					platforms = append(platforms, platform.String())
				}
				if n := len(i.Attached); n > 0 {
					platforms = append(platforms, fmt.Sprintf("(%d attached)", n))
				}
				fmt.Fprintf(p.Stdout, "%s@%s\t%s\n", i.Ref, i.Digest, strings.Join(platforms, " "))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&job.KeepRegistry, "keep-registry", false,
		"keep the registry in each name: REGISTRY/PREFIX/docker.io/rancher/x:v1; localhost:5000 becomes localhost-5000")
	c.Flags().StringArrayVar(&job.Also, "also", nil, "push to this REGISTRY[/PREFIX], too; can be repeated")
	c.Flags().StringVar(&compression, "compression", "gzip",
		"how layers that have to be compressed are: gzip or zstd, or with a level: gzip:1 to gzip:9 (default 6), zstd:1 to zstd:22 (default 3)")
	trust.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

// pushCompression parses the value of --compression of airgap push.
func pushCompression(text string) (images.Compression, error) {
	algorithm, level, leveled := strings.Cut(text, ":")
	c := images.Compression{Algorithm: algorithm}
	if algorithm != "gzip" && algorithm != "zstd" {
		return c, usage.Errorf("--compression %s: want gzip or zstd, and possibly a level, such as gzip:1", text)
	}
	if leveled {
		n, err := strconv.Atoi(level)
		if err != nil || n < 1 {
			return c, usage.Errorf("--compression %s: want a number after the colon: 1 to 9 for gzip, 1 to 22 for zstd", text)
		}
		c.Level = n
	}
	if err := (images.Format{Compression: c}).Validate(); err != nil {
		return c, usage.Errorf("--compression %s: %w", text, err)
	}
	return c, nil
}

func (p *Program) serveCommand() *cobra.Command {
	var address string
	var restore bool
	c := &cobra.Command{
		Use:   "serve FILE|DIR…",
		Short: "Serve the images of archives as a read-only registry",
		Long: `Serve is a registry for containerd, docker, crane and skopeo that reads the archives
directly. Images are available with and without their registry in the name:
docker pull HOST:PORT/rancher/x:v1. An image that was packed by digest is available as
:pinned-HEX, and by that digest if the archive has original layers. Signatures and other
referrers in the proofs of archives are available as referrers and by tags.

An image of a .tar.gz with a proof is also available by the digest that it has in its
registry, with the gzip layers of that registry, which are a third of the bytes. With
--restore, its tags name that image; nodes that pulled the tag before see a new digest.

Layers of compressed archives are decompressed on first use, into a folder of the cache
that is removed at exit; SLIPWAY_CACHE_SIZE limits it too. Memory does not grow with the
number of clients. There are at most 1,024 connections at a time, 768 of them from one
address (of IPv6, one /64), which clients behind a proxy or NAT share. An interrupt ends
the server.`,
		Args: cobra.MinimumNArgs(1),
		Example: examples("slipway airgap serve images.tar.zst",
			"slipway airgap serve --addr 0.0.0.0:5000 /media/usb"),
		RunE: func(c *cobra.Command, paths []string) error {
			files, err := airgap.ListArchives(paths)
			if err != nil {
				return err
			}
			if len(files) == 0 {
				return usage.Errorf("no archive found in %s", strings.Join(paths, ", "))
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
			server, err := serve.New(ctx, archives, serve.Options{Dir: filepath.Join(p.settings.Cache, "serve"), Limit: p.settings.CacheSize, Restore: restore,
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
	c.Flags().BoolVar(&restore, "restore", false, "let tags name images as in their registry, if the proof of a .tar.gz has their manifests")
	c.Flags().StringVar(&address, "addr", "127.0.0.1:5000", "address to listen on; port 0 selects a free port")
	return c
}
