package docker

import "github.com/containerd/errdefs"

// maxTries is the maximum number of calls of makeImage. All but the first take little time, because the Engine has the
// layers.
const maxTries = 3

// RetryRemoved calls makeImage and then use. If use finds that the Engine no longer has the image, RetryRemoved starts
// again, at most twice. Docker Engine stores an image before it names it; if another build of the same image ends in
// between, that build removes the image together with its own name.
func RetryRemoved(makeImage, use func() error) error {
	for try := 1; ; try++ {
		if err := makeImage(); err != nil {
			return err
		}
		if err := use(); !errdefs.IsNotFound(err) || try == maxTries {
			return err
		}
	}
}
