package doctor

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/build/workbench/disks"
	"github.com/slipway-build/slipway/progress"
)

// usualSizes are the sizes of what no earlier release has, in bytes. Archives are estimated from their images.
var usualSizes = map[string]int64{"binary": 30e6, "bundle": 30e6}

// A sizes has the sizes of what an earlier release has, in bytes, by Made.Identity.
type sizes map[string]int64

func sizesOf(report *release.Report) sizes {
	all := sizes{}
	if report != nil {
		for _, m := range report.Made {
			all[m.Identity(report.Release)] = m.Size
		}
	}
	return all
}

// size returns the size of a file or image in the earlier release, or 0 if it is unknown.
func (x *examination) size(m release.Made) int64 { return x.earlier[m.Identity(x.Plan.Release)] }

// disk compares the free space of the file systems of dist, the cache, the folder for temporary files and destinations
// with what the release writes. Sizes are those of the earlier release, or else estimates.
func (x *examination) disk(ctx context.Context) error {
	preflight := &workbench.Preflight{}
	if x.missing {
		x.find(Note, "", "the sizes of archives are unknown, since images were not found", "see the findings of images")
	} else if found, err := x.Preflight(ctx, x.size); err != nil {
		x.fromError(Error, err)
	} else {
		preflight = found
	}
	need := &need{Needs: preflight.Disks}
	need.exactly(x.options.Cache, x.download)
	x.outputs(need)
	if need.err != nil {
		return need.err
	}
	x.result.Disks = need.Needs
	for _, d := range need.Needs {
		message := strings.Join(d.Paths, " and ") + " need about " + progress.FormatBytes(d.Need) + ", and " + progress.FormatBytes(d.Free) + " are free"
		remedy := "free some space, or use another disk (--out, --cache-dir or SLIPWAY_CACHE, TMPDIR)"
		switch {
		case d.Full():
			x.find(Error, "", message, remedy)
		case d.Need > d.Free:
			x.find(Warning, "", message, remedy)
		}
	}
	return nil
}

// A need collects what is written to file systems.
type need struct {
	disks.Needs
	err error // the first
}

func (n *need) exactly(folder string, size int64) { n.add(folder, size, size) }

func (n *need) add(folder string, size, least int64) {
	if size > 0 && n.err == nil {
		n.err = n.Charge(folder, size, least)
	}
}

// outputs adds everything but archives, which the preflight has: binaries, images, bundles and documents, the temporary
// files of go, which are up to twice as large as a binary, and the copies in folders that the release is published to.
func (x *examination) outputs(n *need) {
	var (
		oci       = x.Path("dist/oci")
		twice     = !disks.Same(oci, x.options.Cache) // otherwise, dist/oci links the files of the cache
		artifacts int64
		compiled  int64
	)
	for _, m := range release.Planned(x.Plan) {
		size := x.size(m)
		least := size * 9 / 10
		if size == 0 {
			size = usualSizes[m.Kind]
		}
		if strings.HasPrefix(m.Path, "dist/artifacts/") {
			artifacts += least
		}
		switch m.Kind {
		case "archive", "index":
		case "image":
			n.add(x.options.Cache, size, least)
			if twice {
				n.add(oci, size, least)
			}
		default:
			n.add(filepath.Dir(x.Path(m.Path)), size, least)
		}
		if m.Kind == "binary" {
			compiled = max(compiled, size)
		}
	}
	n.add(os.TempDir(), 2*compiled, 0)
	for _, d := range x.Plan.Destinations {
		if d.Directory != "" {
			n.exactly(x.Path(d.Directory), artifacts)
		}
	}
}
