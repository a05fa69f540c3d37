package doctor

import (
	"context"
	"fmt"

	"github.com/slipway-build/slipway/images"
)

// images looks up the images of lists and the base images for each platform and version of Windows, and compares tags
// with slipway.lock. It counts the pulls of each registry.
func (x *examination) images(ctx context.Context) error {
	found, err := x.LookUp(ctx)
	x.fromError(Error, err)
	for _, l := range found {
		x.pulls[l.Ref.Context().Registry]++
		if l.Moved != "" {
			x.fromText(Warning, l.Moved)
		}
		if l.Err != nil {
			x.missing = true
			x.fromError(Error, l.Err)
			continue
		}
		have, err := images.ConfigPlatform(l.Image)
		if err != nil || !l.Final || l.Platform.OSVersion == "" || have.OSVersion == l.Platform.OSVersion {
			continue
		}
		x.find(Error, l.At, fmt.Sprintf("%s is Windows %s, and the image is for %s: its base has moved to another revision",
			images.Familiar(l.Ref), have.OSVersion, l.Platform.OSVersion),
			fmt.Sprintf("set %s under windows in slipway.yaml, or lock the base by its digest (slipway lock)", have.OSVersion))
	}
	return nil
}
