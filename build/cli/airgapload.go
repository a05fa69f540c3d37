package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/workbench/runtimes"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/load"
	"github.com/slipway-build/slipway/images/airgap/load/containerd"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// loadedArchives is the output of `airgap load --json`.
type loadedArchives struct {
	Runtime   string        `json:"runtime"`
	Version   string        `json:"version"` // of the runtime
	Address   string        `json:"address"`
	Namespace string        `json:"namespace,omitempty"`
	Platform  string        `json:"platform"`
	Seconds   float64       `json:"seconds"`
	Images    []loadedImage `json:"images"`
}

// loadedImage is an image in the output of `airgap load --json`.
type loadedImage struct {
	Image   string   `json:"image"` // the first name
	Names   []string `json:"names"`
	Archive string   `json:"archive"`
	Digest  string   `json:"digest"`
	ID      string   `json:"id"`
	Status  string   `json:"status"`
	// Bytes is the size of the layers that were sent.
	Bytes int64  `json:"bytes"`
	Error string `json:"error,omitempty"`
}

func (p *Program) loadCommand() *cobra.Command {
	var (
		job    runtimes.Job
		kind   string
		trust  trustFlags
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "load FILE|DIR…",
		Short: "Load the images of archives into the container runtime of this node",
		Long: `Load brings the images of archives for the platform of this node into containerd, Docker
Engine or Podman. What the runtime has is not sent. A load that is interrupted leaves no
image without its content; run it again to go on. In containerd, layers are written and
unpacked in parallel, and images are pinned, so that the kubelet does not remove them.

With --registry, images also get the names that they have in that registry, such as the
system-default-registry of RKE2. With --key or --policy, nothing is loaded unless the
proof of the archives vouches for all images.`,
		Args: cobra.MinimumNArgs(1),
		Example: examples("slipway airgap load images.tar.zst",
			"slipway airgap load --wait 2m --policy policy.yaml /var/lib/rancher/rke2/agent/images",
			"slipway airgap load --address /run/containerd/containerd.sock --namespace default images.tar.gz",
			"slipway airgap load --runtime docker images.tar.zst",
			"slipway airgap load --registry registry.example.com:5000 --json images.tar.zst"),
		RunE: func(c *cobra.Command, paths []string) (err error) {
			if job.Platform, err = p.onePlatform(); err != nil {
				return err
			}
			if job.Policy, err = trust.policy(); err != nil {
				return err
			}
			if job.Policy != nil {
				if err := job.Policy.Archive.CheckEnclosed(); err != nil {
					return usage.Wrap(err)
				}
			}
			job.Archives, job.Runtime = paths, runtimes.Runtime(kind)
			if job.Runtime == runtimes.Docker && job.Address == "" {
				job.Address = p.settings.DockerHost
			}
			for _, name := range []string{"namespace", "no-pin", "no-unpack", "snapshotter"} {
				if c.Flags().Changed(name) {
					job.Given = append(job.Given, "--"+name)
				}
			}
			var report *runtimes.Report
			began := time.Now()
			err = p.watched(c, func(ctx context.Context) (err error) {
				report, err = runtimes.Load(ctx, job)
				return err
			})
			if report == nil || report.Images == nil {
				return err
			}
			return errors.Join(p.printLoaded(report, time.Since(began), asJSON), err)
		},
	}
	f := c.Flags()
	f.StringVar(&kind, "runtime", "", "kind of runtime: "+strings.Join(runtimes.Names(), ", ")+" (default: the one whose socket is found)")
	f.StringVarP(&job.Address, "address", "a", "", "socket of the runtime (default: the usual ones)")
	f.StringVarP(&job.Containerd.Namespace, "namespace", "n", containerd.DefaultNamespace, "namespace of containerd")
	f.StringVar(&job.Containerd.Snapshotter, "snapshotter", "", "snapshotter of containerd (default: that of the namespace, or overlayfs)")
	f.BoolVar(&job.Containerd.NoUnpack, "no-unpack", false, "do not unpack layers in containerd; they are unpacked when a container starts")
	f.BoolVar(&job.Containerd.Unpinned, "no-pin", false, "let the kubelet remove the images when the disk fills up")
	f.StringArrayVar(&job.Registries, "registry", nil, "also give images their names in this registry: HOST[:PORT][/PREFIX]")
	f.DurationVar(&job.Wait, "wait", 0, "wait this long for the runtime to answer, such as 2m")
	trust.add(c)
	f.BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func (p *Program) printLoaded(r *runtimes.Report, took time.Duration, asJSON bool) error {
	if asJSON {
		platform := images.FormatPlatform(r.Platform)
		out := loadedArchives{Runtime: string(r.Runtime), Version: r.Version, Address: r.Address, Namespace: r.Namespace, Platform: platform,
			Seconds: took.Round(time.Millisecond).Seconds(), Images: []loadedImage{}}
		for _, i := range r.Images {
			out.Images = append(out.Images, describeLoaded(i))
		}
		return p.writeJSON(out)
	}
	count, sent := map[load.Status]int{}, int64(0)
	for _, i := range r.Images {
		count[i.Status]++
		sent += i.Bytes
		fmt.Fprintf(p.Stdout, "%s\t%s\t%s\n", i.Status, familiar(i.Image.Names[0]), i.Image.Target().Digest)
	}
	_, err := fmt.Fprintf(p.Stdout, "%s: %d loaded (%s of layers), %d present, %d failed, in %.2f s\n",
		string(r.Runtime)+" "+r.Version, count[load.Loaded], progress.FormatBytes(sent), count[load.Present], count[load.Failed], took.Seconds())
	return err
}

func describeLoaded(r load.Result) loadedImage {
	out := loadedImage{Names: []string{}, Archive: r.Image.Packed.Archive().Path(), Digest: r.Image.Target().Digest.String(),
		ID: r.Image.Packed.ID.String(), Status: string(r.Status), Bytes: r.Bytes}
	for _, n := range r.Image.Names {
		out.Names = append(out.Names, familiar(n))
	}
	out.Image = out.Names[0]
	if r.Err != nil {
		out.Error = r.Err.Error()
	}
	return out
}
