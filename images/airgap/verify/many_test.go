package verify

import (
	"path/filepath"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/progress"
)

// An archive of many images is read once, or twice if an index has to be compared.
func TestManyImagesAreReadOnce(t *testing.T) {
	const most = 3
	content, all := airgaptest.NewStore(t), airgaptest.ManyImages(t, 150)
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		ours := filepath.Join(t.TempDir(), "a."+string(codec))
		airgaptest.PackOne(t, content, ours, all...)
		for whose, path := range map[string]string{"ours": ours, "other": airgaptest.Foreign(t, ours, codec)} {
			t.Run(whose+" "+string(codec), func(t *testing.T) {
				f, err := format.OpenFile(path)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				if _, err := verify(t.Context(), f, Options{}, progress.Start(t.Context(), "verify")); err != nil {
					t.Fatal(err)
				}
				if got := f.BytesRead(); got > most*f.Size() {
					t.Errorf("%d bytes of an archive of %d were read", got, f.Size())
				}
			})
		}
	}
}
