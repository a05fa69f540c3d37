package airgap

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPackRefusesTwoOutputsOfOnePlace(t *testing.T) {
	needLinks(t)
	dir := t.TempDir()
	alias := filepath.Join(t.TempDir(), "alias")
	if err := os.Symlink(dir, alias); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	first := filepath.Join(dir, "a.tar")
	for _, second := range []string{first, "a.tar", filepath.Join(alias, "a.tar")} {
		_, err := Pack(t.Context(), newStore(t), []Image{simple(t, "acme/a:v1", "linux/amd64")}, []Output{{Path: first}, {Path: second}}, Options{})
		if err == nil || !strings.Contains(err.Error(), "duplicate archive") {
			t.Errorf("outputs %s and %s: %v", first, second, err)
		}
	}
}
