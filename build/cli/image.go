package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/usage"
)

func (p *Program) imageCommand() *cobra.Command {
	c := asGroup(&cobra.Command{Use: "image", Aliases: []string{"images"}, Short: "Build images from Dockerfiles, copy and sign images", GroupID: "tools"})
	c.AddCommand(p.imageBuildCommand(), p.imageCopyCommand(), p.imageSignCommand(), p.imageVerifyCommand())
	return c
}

func (p *Program) imageBuildCommand() *cobra.Command {
	var (
		job                    workbench.ImageJob
		args, contexts, labels []string
	)
	c := &cobra.Command{
		Use:   "build [flags] CONTEXT",
		Short: "Build a Dockerfile for one or several platforms",
		Long: `Build a Dockerfile. The embedded builder needs no daemon and supports every
instruction except RUN; --builder docker and --builder buildkit also support RUN and
produce the same result.

Several platforms make an index. Windows platforms need the exact os.version
unless the base image offers just one. Without --platform the image is for Linux
on this machine's architecture.`,
		Args: cobra.ExactArgs(1),
		Example: examples(
			"slipway image build -o oci:out .",
			"slipway image build --platform linux/amd64,linux/arm64 -t registry.example.com/app:v1 -o push .",
			"slipway image build -f Dockerfile.windows --platform windows/amd64:10.0.20348.4294 --build-context bin=dist/bin/windows-amd64 -o oci:out .",
			"slipway image build -t app:v1 -o docker:app.tar.zst ."),
		RunE: func(c *cobra.Command, words []string) error {
			job.Context = words[0]
			var errs []error
			for _, m := range []struct {
				flag  string
				words []string
				into  *map[string]string
			}{{"--build-arg", args, &job.Args}, {"--build-context", contexts, &job.Contexts}, {"--label", labels, &job.Labels}} {
				parsed, err := p.keyValues(m.flag, m.words)
				errs = append(errs, err)
				*m.into = parsed
			}
			if err := errors.Join(errs...); err != nil {
				return usage.Wrap(err)
			}
			p.shareLayers(&job)
			var made workbench.ImageResult
			err := p.withWorkbench(c, func(ctx context.Context, w *workbench.Workbench) (err error) {
				made, err = w.BuildImage(ctx, job)
				return err
			})
			if err != nil {
				return err
			}
			return made.Write(p.Stdout)
		},
	}
	f := c.Flags()
	f.StringVarP(&job.Dockerfile, "file", "f", "", "path of the Dockerfile (default: CONTEXT/Dockerfile)")
	f.StringVar(&job.Target, "target", "", "stage to build (default: the last one)")
	f.StringArrayVar(&args, "build-arg", nil, "build argument K=V; K alone takes its value from the environment")
	f.StringArrayVar(&contexts, "build-context", nil, "named context N=DIR, N=docker-image://REF or N=oci-layout://DIR")
	f.StringArrayVar(&labels, "label", nil, "label K=V")
	f.StringArrayVar(&job.Secrets, "secret", nil, "docker and buildkit: id=NAME,src=FILE or id=NAME,env=VARIABLE")
	f.StringArrayVar(&job.SSH, "ssh", nil, "docker and buildkit: default, ID=SOCKET or ID=KEY")
	f.StringArrayVar(&job.CacheFrom, "cache-from", nil, "shared cache to read (environment SLIPWAY_CACHE_FROM); with docker and buildkit: cache of the engine, type=registry,ref=REF or type=local,src=DIR")
	f.StringArrayVar(&job.CacheTo, "cache-to", nil, "shared cache to write (environment SLIPWAY_CACHE_TO); with docker and buildkit: cache of the engine, type=registry,ref=REF, type=local,dest=DIR or type=inline")
	p.cacheKeyFlags(c)
	f.StringArrayVar(&job.Allow, "allow", nil, "docker and buildkit: network.host, security.insecure")
	f.StringVar((*string)(&p.settings.Builder), "builder", string(p.settings.Builder), "embedded (default), docker or buildkit (environment BUILDER)")
	f.StringArrayVarP(&job.Tags, "tag", "t", nil, "reference of the image")
	f.StringArrayVarP(&job.Outputs, "output", "o", nil, "oci:DIR, docker:FILE.tar[.zst|.gz] or push (to every -t)")
	f.BoolVar(&p.settings.NoCache, "no-cache", false, "rebuild without using the cache")
	f.StringVar((*string)(&job.Modes), "modes", string(images.NormalModes), "file modes in contexts: normal (0755 or 0644), or keep the modes on disk")
	f.StringVar((*string)(&job.Format.MediaTypes), "media-types", string(images.OCIMediaTypes), "oci or docker")
	f.StringVar(&job.Format.Compression.Algorithm, "compression", "gzip", "compression of new layers: gzip, zstd or none")
	f.IntVar(&job.Format.Compression.Level, "compression-level", 0, "compression level: 1 to 9 for gzip (default 6), 1 to 22 for zstd (default 3)")
	return c
}

// shareLayers takes the caches of a job as shared ones if no engine makes the image.
func (p *Program) shareLayers(job *workbench.ImageJob) {
	if cmp.Or(p.settings.Builder, images.EmbeddedBuilder) != images.EmbeddedBuilder {
		return
	}
	if len(job.CacheFrom) > 0 {
		p.settings.Shared.From.Texts = job.CacheFrom
	}
	if len(job.CacheTo) > 0 {
		p.settings.Shared.To.Texts = job.CacheTo
	}
	job.CacheFrom, job.CacheTo = nil, nil
}

// keyValues parses words K=V. As in docker build, a build argument K without a value takes it from
// the environment, and a label K without a value is empty.
func (p *Program) keyValues(flag string, words []string) (map[string]string, error) {
	var errs []error
	out := map[string]string{}
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if !ok && flag == "--build-arg" {
			if value, ok = p.Getenv(key); !ok {
				continue
			}
		}
		if key == "" || !ok && flag != "--label" {
			errs = append(errs, fmt.Errorf("%s %q: want NAME=VALUE", flag, word))
			continue
		}
		out[key] = value
	}
	return out, errors.Join(errs...)
}
