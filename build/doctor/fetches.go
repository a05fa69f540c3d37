package doctor

import (
	"context"
	"fmt"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/redact"
)

// fetches looks at files of other projects: whether they can be fetched, and whether a checksum names their content.
func (x *examination) fetches(ctx context.Context) error {
	var (
		steps = x.Plan.Fetches
		sizes = make([]int64, len(steps))
		errs  = make([]error, len(steps))
	)
	_ = parallel.Each(ctx, len(steps), x.options.Transfers(), func(i int) error {
		sizes[i], errs[i] = x.CheckFetch(ctx, steps[i])
		return nil
	})
	for i := range steps {
		x.download += sizes[i]
		x.fromError(Error, errs[i])
	}
	for _, step := range x.Plan.Images {
		x.downloads(step)
	}
	return nil
}

// downloads looks for ADD of a URL without a checksum.
func (x *examination) downloads(step plan.ImageStep) {
	needs, err := x.needsOf(step)
	if err != nil {
		return // a hook may make the file, or the build reports it
	}
	for _, d := range needs.Downloads {
		if !d.Checked {
			x.find(Warning, fmt.Sprintf("%s:%d", x.BuildContext(step).Dockerfile, d.Line),
				"ADD "+redact.Text(d.URL)+" has no checksum: its content may change, and the image with it",
				"add --checksum=sha256:…, or a commit for a git repository, or fetch it under fetch: in slipway.yaml")
		}
	}
}
