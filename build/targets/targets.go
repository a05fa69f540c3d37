package targets

import (
	"context"
	"fmt"
	"os"

	"github.com/magefile/mage/mg"

	"github.com/slipway-build/slipway/build/ci"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/release"
)

// Build compiles binaries and makes images.
type Build mg.Namespace

// All compiles the binaries and builds the images of every platform.
func (Build) All(ctx context.Context) error { return run(ctx, "build") }

// Binaries compiles the binaries into dist/bin.
func (Build) Binaries(ctx context.Context) error { return run(ctx, "build", "binaries") }

// Images builds the images into dist/oci.
func (Build) Images(ctx context.Context) error { return run(ctx, "build", "images") }

// Linux compiles and builds everything for Linux.
func (Build) Linux(ctx context.Context) error { return run(ctx, "build", "linux") }

// Windows compiles and builds everything for Windows.
func (Build) Windows(ctx context.Context) error { return run(ctx, "build", "windows") }

// Package writes dist/artifacts.
type Package mg.Namespace

// All writes air-gap archives, bundles and checksums.
func (Package) All(ctx context.Context) error { return run(ctx, "package") }

// Airgap writes the air-gap archives and image lists.
func (Package) Airgap(ctx context.Context) error { return run(ctx, "package", "airgap") }

// Bundles packs binaries and files.
func (Package) Bundles(ctx context.Context) error { return run(ctx, "package", "bundles") }

// Linux packages everything for Linux.
func (Package) Linux(ctx context.Context) error { return run(ctx, "package", "linux") }

// Windows packages everything for Windows.
func (Package) Windows(ctx context.Context) error { return run(ctx, "package", "windows") }

// Publish sends the results of build and package.
type Publish mg.Namespace

// All pushes images, their indexes, and the artifacts.
func (Publish) All(ctx context.Context) error { return run(ctx, "publish") }

// Images pushes every image to its per-platform tag.
func (Publish) Images(ctx context.Context) error { return run(ctx, "publish", "images") }

// Index assembles and pushes the multi-OS tag.
func (Publish) Index(ctx context.Context) error { return run(ctx, "publish", "index") }

// Artifacts uploads dist/artifacts.
func (Publish) Artifacts(ctx context.Context) error { return run(ctx, "publish", "artifacts") }

// Release publishes the draft of the release on GitHub, after comparing its assets with dist.
func (Publish) Release(ctx context.Context) error {
	return reported(ctx, "publish release", func(ctx context.Context, job *ci.Job) error {
		b, err := open(ctx, "")
		if err != nil {
			return err
		}
		err = watched(ctx, job, func(ctx context.Context) error { return b.EndDrafts(ctx, release.Rank{}) })
		published := plan.Selection{Verb: "publish"}
		job.Result = b.Result(published)
		if err != nil {
			return err
		}
		return b.WriteSummary(ctx, os.Stdout, published)
	})
}

// Plan prints what would be made, and makes nothing.
func Plan(ctx context.Context) error {
	return interruptible(ctx, func(ctx context.Context) error {
		b, err := open(ctx, "")
		if err != nil {
			return err
		}
		return b.Plan.WriteTable(os.Stdout)
	})
}

// Why says why each step was made again, and what the next run would make again.
func Why(ctx context.Context) error {
	return interruptible(ctx, func(ctx context.Context) error {
		b, err := open(ctx, "")
		if err != nil {
			return err
		}
		answers, err := b.Why(ctx, nil)
		if err != nil {
			return err
		}
		for _, a := range answers {
			if err := a.WriteText(os.Stdout); err != nil {
				return err
			}
		}
		return nil
	})
}

// Verify checks everything that was made against the plan and its digests.
func Verify(ctx context.Context) error {
	return reported(ctx, "verify", func(ctx context.Context, job *ci.Job) error {
		b, err := open(ctx, "")
		if err != nil {
			return err
		}
		err = watched(ctx, job, func(ctx context.Context) error {
			return b.Recorded(ctx, "mage verify", plan.Selection{Verb: "verify"}, b.Verify)
		})
		if err != nil {
			return err
		}
		fmt.Println("verified")
		return nil
	})
}

// Clean removes what was made in dist.
func Clean(ctx context.Context) error {
	return interruptible(ctx, func(ctx context.Context) error {
		b, err := open(ctx, "")
		if err != nil {
			return err
		}
		return watched(ctx, &ci.Job{Command: "clean"}, b.Clean)
	})
}
