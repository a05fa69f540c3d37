package slice_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/slice"
	"github.com/slipway-build/slipway/images/imagetest"
)

// A slice of an archive on a web server fetches the frames of its images, and at most 1 % more: the first block of the
// file, the index, and the other bytes of the blocks in which frames begin and end.
func TestSliceFetchesLittleMoreThanItsFrames(t *testing.T) {
	dir := t.TempDir()
	var all []pack.Image
	for i := range 5 {
		img := airgaptest.Simple(t, fmt.Sprintf("acme/i%d:v1", i), "linux/amd64")
		img.Image = imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, uint64(i), 12_500_000))
		all = append(all, img)
	}
	airgaptest.PackOne(t, airgaptest.NewStore(t), filepath.Join(dir, "images.tar.zst"), all...)
	var fetched atomic.Int64
	files := http.FileServer(http.Dir(dir))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		files.ServeHTTP(&countingWriter{w, &fetched}, r)
	}))
	defer s.Close()
	r, err := slice.Write(t.Context(), airgaptest.NewStore(t), slice.Job{Archives: []string{s.URL + "/images.tar.zst"},
		Images:  []slice.Wanted{{Ref: all[0].Names[0]}, {Ref: all[2].Names[0]}, {Ref: all[4].Names[0]}},
		Outputs: []pack.Output{{Path: filepath.Join(dir, "slice.tar.zst")}}, Options: pack.Options{Level: "fastest"}})
	if err != nil {
		t.Fatal(err)
	}
	if most := r[0].Size + r[0].Size/100; fetched.Load() > most {
		t.Errorf("%d bytes were fetched for %d", fetched.Load(), r[0].Size)
	}
}

type countingWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p))) // before a client can have them
	return c.ResponseWriter.Write(p)
}
