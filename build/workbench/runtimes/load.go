package runtimes

import (
	"context"
	"fmt"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/load"
	"github.com/slipway-build/slipway/images/airgap/load/containerd"
	"github.com/slipway-build/slipway/images/airgap/load/engine"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/engine/docker"
	"github.com/slipway-build/slipway/internal/usage"
)

// A Job is the input of `slipway airgap load`.
type Job struct {
	// Archives are paths of archives, and of folders with archives.
	Archives []string
	// Runtime is the kind of runtime, or empty for the one that is found.
	Runtime Runtime
	// Address is the socket of the runtime, or empty for the usual ones.
	Address string
	// Wait is how long a runtime that does not answer is waited for.
	Wait time.Duration
	// Containerd has the options that only containerd has. Its Address is not used. Given are the flags of those that
	// were given, which are an error for other runtimes.
	Containerd containerd.Options
	Given      []string
	// Platform selects images. The default is that of this machine.
	Platform *v1.Platform
	// Registries are the additional registries of names; see load.Options.
	Registries []string
	// Policy is required of all images, or nil.
	Policy *policy.Policy
}

// A Report says what was loaded into which runtime.
type Report struct {
	Runtime Runtime
	// Address is the socket of the runtime, and Version its version.
	Address, Version string
	Namespace        string // of containerd
	Platform         v1.Platform
	Images           []load.Result
}

// Load loads the images of archives. The report is complete even if some images could not be loaded.
func Load(ctx context.Context, job Job) (*Report, error) {
	files, err := airgap.ListArchives(job.Archives)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, usage.Errorf("no archive found in %s", strings.Join(job.Archives, ", "))
	}
	var archives []*airgap.Archive
	for _, file := range files {
		a, err := airgap.Open(ctx, file)
		if err != nil {
			return nil, err
		}
		defer a.Close()
		archives = append(archives, a)
	}
	report := &Report{Platform: load.HostPlatform()}
	if job.Platform != nil {
		report.Platform = *job.Platform
	}
	list, err := load.Plan(ctx, archives, load.Options{Platform: report.Platform, Registries: job.Registries})
	if err != nil {
		return nil, err
	}
	if job.Policy != nil {
		if err := load.Trust(ctx, list, job.Policy); err != nil {
			return nil, fmt.Errorf("nothing was loaded: %w", err)
		}
	}
	at, err := find(ctx, job.Runtime, job.Address, job.Wait)
	if err != nil {
		return nil, err
	}
	report.Runtime, report.Address = at.name, at.address
	return report, report.load(ctx, job, list)
}

func (r *Report) load(ctx context.Context, job Job, list []*load.Image) error {
	if r.Runtime == Containerd {
		return r.loadContainerd(ctx, job, list)
	}
	if len(job.Given) > 0 {
		return usage.Errorf("%s: only containerd has that, and the runtime is %s", strings.Join(job.Given, ", "), r.Runtime)
	}
	client, err := engine.Connect(ctx, docker.Options{Address: withScheme(r.Address)}, job.Wait)
	if err != nil {
		return err
	}
	defer client.Close()
	answers := Docker
	if client.Podman {
		answers = Podman
	}
	if job.Runtime != "" && job.Runtime != answers {
		return usage.Errorf("--runtime %s: %s answers at %s; leave out --runtime, or name the socket of %s with --address", job.Runtime, answers, r.Address, job.Runtime)
	}
	r.Runtime = answers // an address does not always show it
	r.Version = client.Version
	r.Images, err = client.Load(ctx, list)
	return err
}

func (r *Report) loadContainerd(ctx context.Context, job Job, list []*load.Image) error {
	job.Containerd.Address = strings.TrimPrefix(r.Address, "unix://")
	client, err := containerd.Connect(ctx, job.Containerd, job.Wait)
	if err != nil {
		return err
	}
	defer client.Close()
	r.Version, r.Namespace = client.Version, client.Namespace()
	r.Images, err = client.Load(ctx, list)
	return err
}

// withScheme returns an address of Docker's API. A path is that of a socket.
func withScheme(address string) string {
	if strings.Contains(address, "://") {
		return address
	}
	return "unix://" + address
}
