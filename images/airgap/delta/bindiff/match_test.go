package bindiff

import (
	"context"
	"errors"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

func TestDiffIsInterrupted(t *testing.T) {
	ended := errors.New("ended")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ended)
	for name, files := range map[string][2][]byte{
		"equal":     {imagetest.Noise(1, 100_000), imagetest.Noise(1, 100_000)},
		"different": {imagetest.Noise(1, 100_000), imagetest.Noise(2, 900_000)},
	} {
		if _, err := Diff(ctx, files[0], files[1]); !errors.Is(err, ended) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
