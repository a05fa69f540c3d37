package docker

import "github.com/containerd/errdefs"

// maxTries is the number of times that RetryRemoved has an image made. All but the first take little time: the Engine has
// the layers.
const maxTries = 3

// RetryRemoved calls makeImage and then use. It starts again, at most twice, when use finds that the Engine no longer has
// the image. Docker Engine stores an image before it names it: another build of the same image that ends in between
// removes the image with its own name.
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
