package registry

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/parallel"
)

// However many layers an image has, only a few requests ask the registry for them at the same time.
func TestRequestsForContentAreBounded(t *testing.T) {
	var running, most atomic.Int32
	f := newFront(t, imagetest.Registry(t), func(_ *front, _ http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Method == http.MethodHead {
			now := running.Add(1)
			for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
			}
			time.Sleep(2 * time.Millisecond)
			running.Add(-1)
		}
		return false
	})
	var layers []v1.Layer
	for i := range 12 {
		layers = append(layers, imagetest.RandomLayer(t, uint64(i), 100))
	}
	c := newClient(t)
	c.requests = make(parallel.Slots, 2)
	if _, err := c.Push(t.Context(), parse(t, f.host+"/imgx:v1"), imagetest.Image(t, "linux/amd64", layers...)); err != nil {
		t.Fatal(err)
	}
	if n := most.Load(); n < 1 || n > 2 {
		t.Errorf("%d requests at the same time; want at most 2", n)
	}
}
