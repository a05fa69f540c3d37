package pack_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/internal/testfile"
)

func TestPackRefusesTwoOutputsOfOnePlace(t *testing.T) {
	dir := t.TempDir()
	alias := filepath.Join(t.TempDir(), "alias")
	testfile.Symlink(t, dir, alias)
	t.Chdir(dir)
	first := filepath.Join(dir, "a.tar")
	for _, second := range []string{first, "a.tar", filepath.Join(alias, "a.tar")} {
		_, err := pack.Write(t.Context(), airgaptest.NewStore(t), []pack.Image{airgaptest.Simple(t, "acme/a:v1", "linux/amd64")}, []pack.Output{{Path: first}, {Path: second}}, pack.Options{})
		if err == nil || !strings.Contains(err.Error(), "duplicate archive") {
			t.Errorf("outputs %s and %s: %v", first, second, err)
		}
	}
}
